"""What MySQL and MariaDB need otherwise: they have no partial indexes, and compare text without regard to case."""

from typing import Any

from django.db import migrations

# The state comes first where others have a partial index. Claims read in the order of urgency: MariaDB before 10.8 has no
# descending index, and would sort, and lock, all that waits. Only what is scheduled has a due_at, so that a claim does not
# move its row in that index, too.
LIVE = """alter table celeriac_live
    drop index celeriac_live_ready, drop index celeriac_live_due,
    add column urgency smallint generated always as (-priority) stored,
    add column due_at datetime(6) generated always as (if(state = 'scheduled', run_at, null)) stored,
    add index celeriac_live_ready (state, queue, urgency, job), add index celeriac_live_due (due_at)"""


def tune(apps: Any, schema_editor: Any) -> None:
    """Compare names exactly (case, accents, trailing spaces), store every character, and index for claims."""
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
    for model in apps.get_app_config("celeriac").get_models():
        table = model._meta.db_table
        schema_editor.execute(f"alter table {table} engine = InnoDB, convert to character set utf8mb4 collate {collation}")
    schema_editor.execute(LIVE)


class Migration(migrations.Migration):
    atomic = False  # MySQL commits at each change of a table

    dependencies = [("celeriac", "0001_initial")]

    operations = [migrations.RunPython(tune, migrations.RunPython.noop)]
