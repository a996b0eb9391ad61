"""The names by which people see the columns of a periodic task. No table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("celeriac", "0004_periodic_zone"),
    ]

    operations = [
        migrations.AlterField(
            model_name="periodictask",
            name="args",
            field=models.JSONField(blank=True, default=list, verbose_name="arguments"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="description",
            field=models.TextField(blank=True, default="", verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="enabled",
            field=models.BooleanField(db_default=True, verbose_name="enabled"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="end",
            field=models.DateTimeField(blank=True, null=True, verbose_name="end"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="fields",
            field=models.JSONField(default=dict, verbose_name="fields of the schedule"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="headers",
            field=models.JSONField(
                blank=True, default=dict, help_text='Names with values as JSON: {"a": 1}', verbose_name="headers"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="jitter",
            field=models.FloatField(
                db_default=0.0, help_text="Seconds: each job is put off by a random part of them.", verbose_name="jitter"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="kind",
            field=models.CharField(max_length=20, verbose_name="kind of schedule"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="kwargs",
            field=models.JSONField(blank=True, default=dict, verbose_name="keyword arguments"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="last_run",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last run"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="misfire",
            field=models.CharField(
                choices=[("skip", "skip"), ("once", "once"), ("all", "all")],
                db_default="once",
                help_text="What becomes of times that were missed by over 15 s, as while no worker was alive.",
                max_length=10,
                verbose_name="misfire",
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="misfire_limit",
            field=models.PositiveSmallIntegerField(
                db_default=10, help_text="Of all that were missed, so many run at most.", verbose_name="misfire limit"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="name",
            field=models.CharField(max_length=255, unique=True, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="next_run",
            field=models.DateTimeField(blank=True, null=True, verbose_name="next run"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="one_off",
            field=models.BooleanField(
                db_default=False, help_text="It runs once, and is off from then on.", verbose_name="one off"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="options",
            field=models.JSONField(
                blank=True, default=dict, help_text='What else a call takes, as JSON: {"expires": 3600}', verbose_name="options"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="origin",
            field=models.CharField(
                choices=[("code", "code"), ("admin", "admin")], db_default="admin", max_length=10, verbose_name="origin"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="overlap",
            field=models.CharField(
                choices=[("allow", "allow"), ("skip", "skip while running"), ("queue", "queue one")],
                db_default="allow",
                help_text="What becomes of a time that comes while the job of the one before waits or runs.",
                max_length=10,
                verbose_name="overlap",
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="priority",
            field=models.SmallIntegerField(blank=True, null=True, verbose_name="priority"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="problem",
            field=models.TextField(blank=True, default="", verbose_name="what is wrong"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="queue",
            field=models.CharField(
                blank=True, db_default="", help_text="Empty: that of the task.", max_length=255, verbose_name="queue"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="retired",
            field=models.BooleanField(db_default=False, verbose_name="retired"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="start",
            field=models.DateTimeField(blank=True, null=True, verbose_name="start"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="task",
            field=models.CharField(max_length=255, verbose_name="task"),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="time_zone",
            field=models.CharField(
                blank=True, db_default="", help_text="Empty: that of the project.", max_length=63, verbose_name="time zone"
            ),
        ),
        migrations.AlterField(
            model_name="periodictask",
            name="total_run_count",
            field=models.BigIntegerField(db_default=0, verbose_name="total run count"),
        ),
    ]
