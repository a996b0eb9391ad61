"""Of a periodic task: the project's zone in which it was planned, and whether it ran before it left the code."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("celeriac", "0003_admin")]

    operations = [
        migrations.AddField(
            model_name="periodictask",
            name="planned_in",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=63),
        ),
        migrations.AddField(
            model_name="periodictask",
            name="enabled_before",
            field=models.BooleanField(blank=True, editable=False, null=True),
        ),
    ]
