"""All tables of the SQL engine."""

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Now


def tune(apps: Any, schema_editor: Any) -> None:
    """PostgreSQL: room for the one update a record gets, a clean table for claims to scan, no disk for who sleeps."""
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("ALTER TABLE celeriac_job SET (fillfactor = 75)")
    schema_editor.execute(
        "ALTER TABLE celeriac_live SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,"
        " autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000)"
    )
    # Who is idle and who waits is known anew a second later, so these two need not outlive a crash of the server: without
    # a log their writes wait for no disk, which halves the way from an idle worker's wake-up to the job.
    schema_editor.execute("ALTER TABLE celeriac_idle SET UNLOGGED")
    schema_editor.execute("ALTER TABLE celeriac_waiter SET UNLOGGED")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Leader",
            fields=[
                ("duty", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=36)),
                ("until", models.DateTimeField()),
            ],
            options={
                "db_table": "celeriac_leader",
            },
        ),
        migrations.CreateModel(
            name="OutboxJob",
            fields=[
                ("id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("broker", models.CharField(max_length=255)),
                ("job", models.BinaryField()),
                ("created", models.DateTimeField(db_default=Now())),
            ],
            options={
                "db_table": "celeriac_outbox",
            },
        ),
        migrations.CreateModel(
            name="PeriodicTask",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=255, unique=True)),
                ("kind", models.CharField(max_length=20)),
                ("fields", models.JSONField(default=dict)),
                ("time_zone", models.CharField(blank=True, db_default="", max_length=63)),
                ("task", models.CharField(max_length=255)),
                ("args", models.JSONField(blank=True, default=list)),
                ("kwargs", models.JSONField(blank=True, default=dict)),
                ("queue", models.CharField(blank=True, db_default="", max_length=255)),
                ("priority", models.SmallIntegerField(blank=True, null=True)),
                ("headers", models.JSONField(blank=True, default=dict)),
                ("options", models.JSONField(blank=True, default=dict)),
                ("start", models.DateTimeField(blank=True, null=True)),
                ("end", models.DateTimeField(blank=True, null=True)),
                ("one_off", models.BooleanField(db_default=False)),
                ("enabled", models.BooleanField(db_default=True)),
                (
                    "misfire",
                    models.CharField(
                        choices=[("skip", "skip"), ("once", "once"), ("all", "all")], db_default="once", max_length=10
                    ),
                ),
                ("misfire_limit", models.PositiveSmallIntegerField(db_default=10)),
                (
                    "overlap",
                    models.CharField(
                        choices=[("allow", "allow"), ("skip", "skip while running"), ("queue", "queue one")],
                        db_default="allow",
                        max_length=10,
                    ),
                ),
                ("jitter", models.FloatField(db_default=0.0)),
                ("description", models.TextField(blank=True, default="")),
                (
                    "origin",
                    models.CharField(choices=[("code", "code"), ("admin", "admin")], db_default="admin", max_length=10),
                ),
                ("digest", models.CharField(blank=True, db_default="", max_length=64)),
                ("declaration", models.JSONField(blank=True, null=True)),
                ("retired", models.BooleanField(db_default=False)),
                ("next_run", models.DateTimeField(blank=True, null=True)),
                ("held", models.DateTimeField(blank=True, null=True)),
                ("last_run", models.DateTimeField(blank=True, null=True)),
                ("last_job", models.CharField(blank=True, max_length=255, null=True)),
                ("total_run_count", models.BigIntegerField(db_default=0)),
                ("recent", models.JSONField(blank=True, default=list)),
                ("problem", models.TextField(blank=True, default="")),
            ],
            options={
                "verbose_name": "periodic task",
                "verbose_name_plural": "periodic tasks",
                "permissions": [("run_periodictask", "Can run periodic tasks at once")],
                "db_table": "celeriac_periodic",
                "indexes": [models.Index(fields=["enabled", "next_run"], name="celeriac_periodic_due")],
            },
        ),
        migrations.CreateModel(
            name="Queue",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("paused", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "celeriac_queue",
            },
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                ("task", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("apart", models.FloatField(null=True)),
                ("next", models.DateTimeField()),
            ],
            options={
                "db_table": "celeriac_rate",
            },
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("job", models.BigIntegerField(primary_key=True, serialize=False)),
                ("task", models.CharField(max_length=255)),
                ("attempt", models.IntegerField()),
                ("due", models.DateTimeField()),
            ],
            options={
                "db_table": "celeriac_turn",
            },
        ),
        migrations.CreateModel(
            name="Waiter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("job", models.BigIntegerField(unique=True)),
            ],
            options={
                "db_table": "celeriac_waiter",
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=255)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.IntegerField()),
                ("pool", models.CharField(max_length=20)),
                ("concurrency", models.IntegerField()),
                ("queues", models.JSONField()),
                ("version", models.CharField(db_default="", max_length=40)),
                ("started", models.DateTimeField()),
                ("lease", models.DateTimeField()),
                ("alive", models.BooleanField(db_default=True)),
            ],
            options={
                "db_table": "celeriac_worker",
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("job", models.BigIntegerField()),
                ("index", models.IntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("blocked", "blocked"),
                            ("scheduled", "scheduled"),
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                            ("parked", "parked"),
                        ],
                        max_length=10,
                    ),
                ),
                ("started", models.DateTimeField(null=True)),
                ("finished", models.DateTimeField(null=True)),
                ("worker", models.CharField(max_length=255, null=True)),
                ("error", models.JSONField(null=True)),
                ("log", models.TextField(null=True)),
            ],
            options={
                "db_table": "celeriac_attempt",
                "indexes": [models.Index(fields=["job", "id"], name="celeriac_attempt_job")],
            },
        ),
        migrations.CreateModel(
            name="Child",
            fields=[
                ("id", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("worker", models.CharField(max_length=36)),
                ("alive", models.BooleanField(db_default=True)),
                ("enrolled", models.DateTimeField()),
            ],
            options={
                "db_table": "celeriac_child",
                "indexes": [models.Index(fields=["worker"], name="celeriac_child_worker")],
            },
        ),
        migrations.CreateModel(
            name="IdleChild",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("child", models.CharField(max_length=36, unique=True)),
                ("queues", models.TextField()),
            ],
            options={
                "db_table": "celeriac_idle",
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("id", models.CharField(max_length=255)),
                ("task", models.CharField(max_length=255)),
                ("queue", models.CharField(max_length=255)),
                ("payload", models.BinaryField()),
                ("priority", models.SmallIntegerField(db_default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("blocked", "blocked"),
                            ("scheduled", "scheduled"),
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                            ("parked", "parked"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("trouble", models.CharField(max_length=10, null=True)),
                ("run_at", models.DateTimeField(null=True)),
                ("expires", models.DateTimeField(null=True)),
                ("attempts", models.IntegerField(db_default=0)),
                ("charges", models.SmallIntegerField(db_default=0)),
                ("root", models.CharField(max_length=255, null=True)),
                ("parent", models.CharField(max_length=255, null=True)),
                ("group", models.CharField(max_length=255, null=True)),
                ("position", models.IntegerField(null=True)),
                ("unique_key", models.CharField(max_length=255, null=True)),
                ("concurrency_key", models.CharField(max_length=255, null=True)),
                ("fairness_key", models.CharField(max_length=255, null=True)),
                ("headers", models.JSONField(null=True)),
                ("metadata", models.JSONField(null=True)),
                ("progress", models.JSONField(null=True)),
                ("schedule", models.CharField(max_length=255, null=True)),
                ("nominal", models.DateTimeField(null=True)),
                ("created", models.DateTimeField()),
                ("started", models.DateTimeField(null=True)),
                ("finished", models.DateTimeField(null=True)),
                ("result", models.BinaryField(null=True)),
                ("worker", models.CharField(max_length=255, null=True)),
                ("version", models.SmallIntegerField(db_default=1)),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "db_table": "celeriac_job",
                "indexes": [
                    models.Index(
                        fields=["trouble", "number"],
                        condition=models.Q(("trouble__isnull", False)),
                        name="celeriac_job_trouble",
                    ),
                    models.Index(fields=["group"], condition=models.Q(("group__isnull", False)), name="celeriac_job_group"),
                    models.Index(fields=["root"], condition=models.Q(("root__isnull", False)), name="celeriac_job_root"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["id"], name="celeriac_job_id"),
                    models.CheckConstraint(
                        condition=models.Q(("priority__gte", -100), ("priority__lte", 100)), name="celeriac_job_priority"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LiveJob",
            fields=[
                ("job", models.BigIntegerField(primary_key=True, serialize=False)),
                ("queue", models.CharField(max_length=255)),
                ("priority", models.SmallIntegerField(db_default=0)),
                ("state", models.CharField(max_length=10)),
                ("run_at", models.DateTimeField(null=True)),
                ("child", models.CharField(max_length=36, null=True)),
                ("delivery", models.IntegerField(db_default=0)),
                ("charges", models.SmallIntegerField(db_default=0)),
                ("begun", models.DateTimeField(null=True)),
                ("once", models.BooleanField(db_default=False)),
                ("revoked", models.BooleanField(db_default=False)),
                ("doomed", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "celeriac_live",
                "indexes": [
                    models.Index(
                        fields=["queue", "-priority", "job"],
                        condition=models.Q(("state", "waiting")),
                        name="celeriac_live_ready",
                    ),
                    models.Index(fields=["run_at"], condition=models.Q(("state", "scheduled")), name="celeriac_live_due"),
                    models.Index(fields=["child"], condition=models.Q(("state", "running")), name="celeriac_live_held"),
                ],
            },
        ),
        migrations.RunPython(tune, migrations.RunPython.noop),
    ]
