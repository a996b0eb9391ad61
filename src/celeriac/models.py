"""The tables of the SQL engine, as Django models. The hot path reaches them by raw SQL (``engine/brokers/sql``).

``Job`` is the record of a job, written when it is pushed and when an attempt of it is settled, never in between. ``LiveJob`` is
its thin row in the table that claims scan: there from the push until the job has ended, so that what is finished never slows
a claim down. While a live row exists, it says where the job is; afterwards the record does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from celeriac.fields import JobNumber

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
        default_permissions = ("view", "delete")
        permissions: ClassVar = [
            ("retry_job", "Can retry jobs"),
            ("cancel_job", "Can cancel jobs"),
            ("run_job", "Can run scheduled jobs now"),
            ("reveal_job", "Can see hidden arguments and results of jobs"),
        ]
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

    job = JobNumber(primary_key=True)
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
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        default_permissions = ("view",)

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
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        default_permissions = ("view",)
        permissions: ClassVar = [("pause_queue", "Can pause and resume queues"), ("purge_queue", "Can purge queues")]

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

    job = JobNumber(primary_key=True)
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


class PeriodicTask(models.Model):
    """A task that is enqueued again and again: when, and with which arguments and options.

    ``kind`` and ``fields`` are the schedule's (``celeriac.schedules.from_dict``). ``declaration`` is what the code said last of
    an entry that comes from it; what a column says otherwise, somebody changed, and it stays changed (``overrides``). The last
    columns, ``OF_TICKER``, belong to the ticker, and ``save`` leaves them alone: a form that was opened before a tick repeats
    none.
    """

    class Origin(models.TextChoices):
        CODE = "code", _("code")
        ADMIN = "admin", _("admin")

    class Misfire(models.TextChoices):
        SKIP = "skip", _("skip")
        ONCE = "once", _("once")
        ALL = "all", _("all")

    class Overlap(models.TextChoices):
        ALLOW = "allow", _("allow")
        SKIP = "skip", _("skip while running")
        QUEUE = "queue", _("queue one")

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=MAX_ID, unique=True)
    kind = models.CharField(_("kind of schedule"), max_length=20)
    fields = models.JSONField(_("fields of the schedule"), default=dict)
    time_zone = models.CharField(
        _("time zone"), max_length=63, blank=True, db_default="", help_text=_("Empty: that of the project.")
    )
    task = models.CharField(_("task"), max_length=MAX_ID)
    args = models.JSONField(_("arguments"), default=list, blank=True)
    kwargs = models.JSONField(_("keyword arguments"), default=dict, blank=True)
    queue = models.CharField(_("queue"), max_length=MAX_ID, blank=True, db_default="", help_text=_("Empty: that of the task."))
    priority = models.SmallIntegerField(_("priority"), null=True, blank=True)
    headers = models.JSONField(_("headers"), default=dict, blank=True, help_text=_('Names with values as JSON: {"a": 1}'))
    # What else a call takes: expires, time_limit, link, ...
    options = models.JSONField(
        _("options"), default=dict, blank=True, help_text=_('What else a call takes, as JSON: {"expires": 3600}')
    )
    start = models.DateTimeField(_("start"), null=True, blank=True)
    end = models.DateTimeField(_("end"), null=True, blank=True)
    one_off = models.BooleanField(_("one off"), db_default=False, help_text=_("It runs once, and is off from then on."))
    enabled = models.BooleanField(_("enabled"), db_default=True)
    misfire = models.CharField(
        _("misfire"), max_length=10, choices=Misfire, db_default="once",
        help_text=_("What becomes of times that were missed by over 15 s, as while no worker was alive."),
    )  # fmt: skip
    misfire_limit = models.PositiveSmallIntegerField(
        _("misfire limit"), db_default=10, help_text=_("Of all that were missed, so many run at most.")
    )
    overlap = models.CharField(
        _("overlap"), max_length=10, choices=Overlap, db_default="allow",
        help_text=_("What becomes of a time that comes while the job of the one before waits or runs."),
    )  # fmt: skip
    jitter = models.FloatField(
        _("jitter"), db_default=0.0, help_text=_("Seconds: each job is put off by a random part of them.")
    )
    description = models.TextField(_("description"), default="", blank=True)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, db_default="admin")
    digest = models.CharField(max_length=64, blank=True, db_default="")
    declaration = models.JSONField(null=True, blank=True)
    # It was declared in code, and is so no more.
    retired = models.BooleanField(_("retired"), db_default=False)
    # What ``enabled`` was when the entry left the code, or was wrong there: it is so again when the entry is back.
    enabled_before = models.BooleanField(null=True, blank=True, editable=False)
    next_run = models.DateTimeField(_("next run"), null=True, blank=True)
    held = models.DateTimeField(null=True, blank=True)
    last_run = models.DateTimeField(_("last run"), null=True, blank=True)
    last_job = models.CharField(max_length=MAX_ID, null=True, blank=True)
    total_run_count = models.BigIntegerField(_("total run count"), db_default=0)
    # The ids of its last jobs, the latest last: whichever broker has them, no index is needed to find them.
    recent = models.JSONField(default=list, blank=True)
    problem = models.TextField(_("what is wrong"), default="", blank=True)
    # The project's zone in which its next run was reckoned; empty where that does not depend on it.
    planned_in = models.CharField(max_length=63, blank=True, db_default="", editable=False)

    PLANNED: ClassVar = (
        "kind", "fields", "time_zone", "task", "args", "kwargs", "start", "end", "one_off", "enabled", "retired",
    )  # fmt: skip
    """A change of these has it planned anew."""
    OF_TICKER: ClassVar = frozenset({
        "next_run", "held", "last_run", "last_job", "total_run_count", "recent", "problem", "planned_in",
    })  # fmt: skip

    class Meta:
        db_table = "celeriac_periodic"
        verbose_name = _("periodic task")
        verbose_name_plural = _("periodic tasks")
        permissions: ClassVar = [("run_periodictask", _("Can run periodic tasks at once"))]
        indexes: ClassVar = [models.Index(fields=["enabled", "next_run"], name="celeriac_periodic_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def overrides(self) -> dict[str, Any]:
        """What somebody changed of an entry that comes from code, by column."""
        declared = self.declaration or {}
        now = {name: self.is_wanted if name == "enabled" else getattr(self, name) for name in declared}
        return {name: value for name, value in now.items() if _in_json(value) != declared[name]}

    @property
    def is_wanted(self) -> bool:
        """Whether people want it to run. That it left the code, or was stopped for what is wrong with it, nobody decided."""
        if self.enabled or self.enabled_before is None:
            return bool(self.enabled or self.retired or self.problem)
        return self.enabled_before

    def save(self, **options: Any) -> None:
        """Write what people decide, and have it planned anew where that changes when it runs.

        Raises ``ValidationError`` for a new name of what the code declares: the code knows it by the old one.
        """
        if not self._state.adding and options.get("update_fields") is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key} - self.OF_TICKER
            before = self._before(options.get("using"))
            self._refuse_new_name(before)
            if before is None or any(before[name] != getattr(self, name) for name in self.PLANNED):
                self.next_run = self.held = None
                self.problem = ""
                names |= {"next_run", "held", "problem"}
            options["update_fields"] = names
        super().save(**options)

    def _before(self, using: str | None) -> dict[str, Any] | None:
        rows = PeriodicTask.objects.using(using or self._state.db).filter(pk=self.pk)
        before: dict[str, Any] | None = rows.values("name", *self.PLANNED).first()
        return before

    def _refuse_new_name(self, before: dict[str, Any] | None) -> None:
        if before is None or before["name"] == self.name or self.origin != self.Origin.CODE or self.retired:
            return
        text = _("The code declares it as {name!r}. Rename it there, or clone it here.")
        raise ValidationError({"name": str(text).format(name=before["name"])})


def _in_json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


class Leader(models.Model):
    """Which keeper does the upkeep, until when."""

    duty = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=36)
    until = models.DateTimeField()

    class Meta:
        db_table = "celeriac_leader"
