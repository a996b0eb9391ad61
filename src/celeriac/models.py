"""The tables of the SQL engine, as Django models. The hot path reaches them by raw SQL (``engine/brokers/sql``).

``Job`` is the record of a job, written when it is pushed and when an attempt of it is settled, never in between. ``LiveJob`` is
its thin row in the table that claims scan: there from the push until the job has ended, so that what is finished never slows
a claim down. While a live row exists, it says where the job is; afterwards the record does.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

MAX_ID = 255


class Job(models.Model):
    """The record of a job: see ``celeriac.engine.job.Job`` for what each field means."""

    class State(models.TextChoices):
        BLOCKED = "blocked", _("blocked")
        SCHEDULED = "scheduled", _("scheduled")
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")
        PARKED = "parked", _("parked")

    number = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=MAX_ID)
    task = models.CharField(max_length=MAX_ID)
    queue = models.CharField(max_length=MAX_ID)
    payload = models.BinaryField()
    priority = models.SmallIntegerField(db_default=0)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    # The state once more where the job ended otherwise than well, else NULL. Only this column is indexed: a job that succeeds,
    # as nearly all do, then changes no indexed column when it is settled (PostgreSQL's HOT update), and is found by number.
    trouble = models.CharField(max_length=10, null=True)
    run_at = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    attempts = models.IntegerField(db_default=0)
    charges = models.SmallIntegerField(db_default=0)
    root = models.CharField(max_length=MAX_ID, null=True)
    parent = models.CharField(max_length=MAX_ID, null=True)
    group = models.CharField(max_length=MAX_ID, null=True)
    position = models.IntegerField(null=True)
    unique_key = models.CharField(max_length=MAX_ID, null=True)
    concurrency_key = models.CharField(max_length=MAX_ID, null=True)
    fairness_key = models.CharField(max_length=MAX_ID, null=True)
    headers = models.JSONField(null=True)
    metadata = models.JSONField(null=True)
    progress = models.JSONField(null=True)
    schedule = models.CharField(max_length=MAX_ID, null=True)
    nominal = models.DateTimeField(null=True)
    created = models.DateTimeField()
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    result = models.BinaryField(null=True)
    worker = models.CharField(max_length=MAX_ID, null=True)
    version = models.SmallIntegerField(db_default=1)

    class Meta:
        db_table = "celeriac_job"
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints: ClassVar = [
            # Not unique=True, which makes PostgreSQL keep a second index for LIKE.
            models.UniqueConstraint(fields=["id"], name="celeriac_job_id"),
            models.CheckConstraint(condition=Q(priority__gte=-100, priority__lte=100), name="celeriac_job_priority"),
        ]
        # Each index is paid for at every push, so there are no others.
        indexes: ClassVar = [
            models.Index(fields=["trouble", "number"], condition=Q(trouble__isnull=False), name="celeriac_job_trouble"),
            models.Index(fields=["group"], condition=Q(group__isnull=False), name="celeriac_job_group"),
            models.Index(fields=["root"], condition=Q(root__isnull=False), name="celeriac_job_root"),
        ]

    def __str__(self) -> str:
        return f"{self.task}[{self.id}]"


class LiveJob(models.Model):
    """The thin row of a job that has not ended. ``child``, ``delivery`` and ``job`` are the token of its claim."""

    job = models.BigIntegerField(primary_key=True)
    queue = models.CharField(max_length=MAX_ID)
    priority = models.SmallIntegerField(db_default=0)
    state = models.CharField(max_length=10)
    run_at = models.DateTimeField(null=True)
    child = models.CharField(max_length=36, null=True)
    delivery = models.IntegerField(db_default=0)
    charges = models.SmallIntegerField(db_default=0)
    begun = models.DateTimeField(null=True)
    once = models.BooleanField(db_default=False)
    revoked = models.BooleanField(db_default=False)
    doomed = models.BooleanField(db_default=False)

    class Meta:
        db_table = "celeriac_live"
        indexes: ClassVar = [
            models.Index(fields=["queue", "-priority", "job"], condition=Q(state="waiting"), name="celeriac_live_ready"),
            models.Index(fields=["run_at"], condition=Q(state="scheduled"), name="celeriac_live_due"),
            models.Index(fields=["child"], condition=Q(state="running"), name="celeriac_live_held"),
        ]


class Attempt(models.Model):
    """One ended attempt of a job. Written only when there is something to keep: an error, a log, or a second attempt."""

    id = models.BigAutoField(primary_key=True)
    job = models.BigIntegerField()
    index = models.IntegerField()
    state = models.CharField(max_length=10, choices=Job.State)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    worker = models.CharField(max_length=MAX_ID, null=True)
    error = models.JSONField(null=True)
    log = models.TextField(null=True)

    class Meta:
        db_table = "celeriac_attempt"
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="celeriac_attempt_job")]


class Worker(models.Model):
    """A worker that runs, or ran: its lease says until when it is taken for alive, on the database's clock."""

    id = models.CharField(max_length=36, primary_key=True)
    name = models.CharField(max_length=MAX_ID)
    host = models.CharField(max_length=MAX_ID)
    pid = models.IntegerField()
    pool = models.CharField(max_length=20)
    concurrency = models.IntegerField()
    queues = models.JSONField()
    version = models.CharField(max_length=40, db_default="")
    started = models.DateTimeField()
    lease = models.DateTimeField()
    alive = models.BooleanField(db_default=True)

    class Meta:
        db_table = "celeriac_worker"

    def __str__(self) -> str:
        return self.name


class Child(models.Model):
    """One incarnation of a child process. A claim is conditional on ``alive``; a rescue clears it first."""

    id = models.CharField(max_length=36, primary_key=True)
    worker = models.CharField(max_length=36)
    alive = models.BooleanField(db_default=True)
    enrolled = models.DateTimeField()

    class Meta:
        db_table = "celeriac_child"
        indexes: ClassVar = [models.Index(fields=["worker"], name="celeriac_child_worker")]


class IdleChild(models.Model):
    """A child that waits for jobs and wants to be woken (PostgreSQL, MySQL; SQLite wakes through sockets).

    One row a child, whatever it listens to: who takes the row to wake it for one queue takes it off all of them.
    """

    id = models.BigAutoField(primary_key=True)
    child = models.CharField(max_length=36, unique=True)
    queues = models.TextField()  # a JSON list

    class Meta:
        db_table = "celeriac_idle"


class Waiter(models.Model):
    """Somebody waits for a job to end, and is woken when its live row is gone.

    Rows of their own rather than a mark on the live row: marking would lock it, and a claim skips what is locked.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.BigIntegerField(unique=True)

    class Meta:
        db_table = "celeriac_waiter"


class Queue(models.Model):
    """What somebody decided about a queue. A queue without a row is simply open."""

    name = models.CharField(max_length=MAX_ID, primary_key=True)
    paused = models.BooleanField(db_default=False)

    class Meta:
        db_table = "celeriac_queue"

    def __str__(self) -> str:
        return self.name


class Rate(models.Model):
    """A task with a rate limit: when its next free turn is. ``apart``: seconds between turns, where set at run time."""

    task = models.CharField(max_length=MAX_ID, primary_key=True)
    apart = models.FloatField(null=True)
    next = models.DateTimeField()

    class Meta:
        db_table = "celeriac_rate"

    def __str__(self) -> str:
        return self.task


class Turn(models.Model):
    """When a job that a rate limit put off may run, and which attempt of it (by the number of those ended)."""

    job = models.BigIntegerField(primary_key=True)
    task = models.CharField(max_length=MAX_ID)
    attempt = models.IntegerField()
    due = models.DateTimeField()

    class Meta:
        db_table = "celeriac_turn"


class OutboxJob(models.Model):
    """A job on its way to a broker that is not this database, written in the transaction that enqueued it (``outbox.py``)."""

    id = models.CharField(max_length=36, primary_key=True)
    broker = models.CharField(max_length=MAX_ID)
    job = models.BinaryField()
    created = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "celeriac_outbox"


class Leader(models.Model):
    """Which keeper does the upkeep, until when."""

    duty = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=36)
    until = models.DateTimeField()

    class Meta:
        db_table = "celeriac_leader"
