"""On SQLite, the number of a job is the key of the table itself. Nothing changes elsewhere."""

from django.db import migrations

from celeriac.fields import JobNumber


class Migration(migrations.Migration):
    dependencies = [
        ("celeriac", "0005_periodic_names"),
    ]

    operations = [
        migrations.AlterField(model_name="livejob", name="job", field=JobNumber(primary_key=True, serialize=False)),
        migrations.AlterField(model_name="turn", name="job", field=JobNumber(primary_key=True, serialize=False)),
    ]
