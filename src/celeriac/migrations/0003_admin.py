"""Names and permissions of what the admin shows. No table changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("celeriac", "0002_mysql")]

    operations = [
        migrations.AlterModelOptions(
            name="job",
            options={
                "default_permissions": ("view", "delete"),
                "permissions": [
                    ("retry_job", "Can retry jobs"),
                    ("cancel_job", "Can cancel jobs"),
                    ("run_job", "Can run scheduled jobs now"),
                    ("reveal_job", "Can see hidden arguments and results of jobs"),
                ],
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
            },
        ),
        migrations.AlterModelOptions(
            name="queue",
            options={
                "default_permissions": ("view",),
                "permissions": [("pause_queue", "Can pause and resume queues"), ("purge_queue", "Can purge queues")],
                "verbose_name": "queue",
                "verbose_name_plural": "queues",
            },
        ),
        migrations.AlterModelOptions(
            name="worker",
            options={"default_permissions": ("view",), "verbose_name": "worker", "verbose_name_plural": "workers"},
        ),
    ]
