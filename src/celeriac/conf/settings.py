"""The settings: few names, each with a default that is right for most sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from celeriac.conf import brokers, checks, results
from celeriac.conf.checks import Check
from celeriac.engine.options import DEFAULT_POOL
from celeriac.engine.translation import gettext as _

POOLS = ("prefork", "processes", "threads", "solo", "asyncio", "eventlet", "gevent")
DAY = 86_400.0
_BADLY = ("failed", "cancelled", "expired")


HIDDEN_NAMES = (
    r"passw|passphrase|passcode|pwd|secret|token|authori[sz]ation|credential|cookie|session_?id|signature"
    r"|(api|private|access)[_-]?key|card|cvv|cvc|iban|(^|_)(pin|ssn|otp)($|_)"
)


class Settings(msgspec.Struct, kw_only=True):
    """What a project has decided. ``CELERIAC = {"LEASE": 15}`` in Django's settings, ``app.conf.lease`` in code.

    Durations are seconds unless a line says otherwise.
    """

    # Where jobs go.
    broker_url: str = brokers.DEFAULT
    result_backend: str | None = None
    """Where results are: None with their jobs, else a name or URL (``docs/results.md``); ``disabled`` keeps no values."""
    cache_backend: str = "default"
    """The entry of CACHES for the result backend ``django-cache``."""
    outbox: str | None = "default"
    """The database whose transactions jobs belong to where the broker is not a database: they are sent when it commits. None:
    a job is sent at its call, whatever becomes of the transaction."""
    default_queue: str = "celery"
    queues: tuple[str, ...] = ()
    """The queues there are. Empty: whichever are named."""
    create_missing_queues: bool = True
    """False refuses to enqueue to a queue that is not one of ``queues``."""
    routes: Any = None
    """Celery's ``task_routes``."""
    default_priority: int = 0
    reverse_priority: bool = False
    """True where the project's numbers mean the opposite, as they do in Celery on Redis: 0 is the most urgent."""

    # How tasks run, where the task itself does not say.
    always_eager: bool = False
    eager_propagates: bool = False
    store_eager_result: bool = False
    """Whether jobs that ran eagerly leave a record, as if a worker had run them."""
    ignore_result: bool = False
    track_started: bool = False
    acks_late: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    default_rate_limit: Any = None
    """How often a task may start, of all workers together: ``"10/s"``, ``"100/m"``, a number a second; None for no limit."""
    annotations: Any = None
    """Options of tasks, in the forms of Celery's ``task_annotations``."""

    # Workers.
    concurrency: int | None = None
    """None: one slot a CPU, and children for no more than half of the free memory."""
    pool: str = DEFAULT_POOL
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    """KiB."""
    lease: float = 15.0
    renew_every: float = 5.0
    poison_limit: int = 3
    """How many processes a job may kill before it is parked."""
    prefetch_multiplier: int = 1
    hijack_root_logger: bool = True
    redirect_stdouts: bool = True
    """Whether what tasks print goes to the worker's log, at the level that the next one names."""
    redirect_stdouts_level: str = "WARNING"
    log_color: bool | None = None
    log_format: str | None = None
    task_log_format: str | None = None

    # Sizes and ages.
    max_payload_bytes: int = 1_000_000
    max_log_bytes: int = 65_536
    """How much of what one attempt logs is kept."""
    result_expires: float | None = 86_400.0
    """How long jobs that ended well are kept; None for ever."""
    keep_failed: float | None = 14.0
    """Days that jobs which ended otherwise are kept; None for ever."""

    # What is kept from others.
    signing_keys: tuple[str, ...] = ()
    """Messages are signed with the first and trusted with any; none: neither."""
    encryption_keys: tuple[str, ...] = ()
    """Arguments and results are encrypted with the first and read with any."""
    encrypt: bool = True
    """Whether those of tasks that do not say so themselves are; without keys none are."""
    hidden_names: str = HIDDEN_NAMES
    """What the names of arguments match whose values the admin shows only to who may reveal them: a regular expression."""

    # The project.
    timezone: str = "UTC"
    """What times without a zone are in. Default: Django's ``TIME_ZONE``."""
    imports: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    beat_schedule: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def keeps_results(self) -> bool:
        """Whether return values are kept where a task does not say."""
        return not self.ignore_result and self.result_backend not in results.DISABLED

    @property
    def ages(self) -> dict[str, float]:
        """How long ended jobs are kept, in seconds by state. A state without an age is kept for ever."""
        kept: dict[str, float] = {}
        if self.result_expires is not None:
            kept["succeeded"] = self.result_expires
        if self.keep_failed is not None:
            kept |= dict.fromkeys(_BADLY, self.keep_failed * DAY)
        return kept

    @property
    def results(self) -> str | None:
        """The URL of the store that ended jobs move to; None where they stay with the broker."""
        return results.store_of(self.result_backend, self.broker_url, self.cache_backend, self.ages)


_limit = checks.none_if_zero(checks.seconds(0.001))

CHECKS: Mapping[str, Check] = {
    "broker_url": brokers.broker_url,
    "result_backend": results.result_backend,
    "cache_backend": results.cache_alias,
    "outbox": checks.none_if_false(checks.text),
    "default_queue": checks.text,
    "queues": checks.queue_names,
    "create_missing_queues": checks.boolean,
    "routes": checks.anything,
    "default_priority": checks.none_if_zero(checks.whole(-100, 100)),
    "reverse_priority": checks.boolean,
    "always_eager": checks.boolean,
    "eager_propagates": checks.boolean,
    "store_eager_result": checks.boolean,
    "ignore_result": checks.boolean,
    "track_started": checks.boolean,
    "acks_late": checks.optional(checks.boolean),
    "time_limit": _limit,
    "soft_time_limit": _limit,
    "default_rate_limit": checks.rate,
    "annotations": checks.anything,
    "concurrency": checks.concurrency,
    "pool": checks.one_of(POOLS),
    "max_tasks_per_child": checks.none_if_zero(checks.whole(1)),
    "max_memory_per_child": checks.none_if_zero(checks.whole(1)),
    "lease": checks.seconds(0.1),
    "renew_every": checks.seconds(0.01),
    "poison_limit": checks.whole(1, 100),
    "prefetch_multiplier": checks.whole(0),
    "hijack_root_logger": checks.boolean,
    "redirect_stdouts": checks.boolean,
    "redirect_stdouts_level": checks.log_level,
    "log_color": checks.optional(checks.boolean),
    "log_format": checks.optional(checks.text),
    "task_log_format": checks.optional(checks.text),
    "max_payload_bytes": checks.whole(100),
    "max_log_bytes": checks.whole(0),
    "result_expires": checks.none_if_zero(checks.seconds()),
    "keep_failed": checks.none_if_zero(checks.seconds()),
    "signing_keys": checks.secrets,
    "encryption_keys": checks.secrets,
    "encrypt": checks.boolean,
    "hidden_names": checks.pattern,
    "timezone": checks.time_zone,
    "imports": checks.names,
    "include": checks.names,
    "beat_schedule": checks.mapping,
}
FIELDS = tuple(CHECKS)
SECRET = frozenset({"signing_keys", "encryption_keys"})
"""Settings whose values are shown to nobody."""


class _Hidden:
    def __repr__(self) -> str:
        return _("(not shown)")


def shown(field: str, value: Any) -> Any:
    """Return a value as an error may show it."""
    return _Hidden() if field in SECRET else value


def checked(field: str, value: Any) -> Any:
    """Return ``value`` as the field keeps it. Raises ``ValueError`` with what is expected instead."""
    if field in ("beat_schedule", "queues", "imports", "include", "signing_keys", "encryption_keys") and value is None:
        value = ()
        if field == "beat_schedule":
            return {}
    kept = CHECKS[field](value)
    return 0 if field == "default_priority" and kept is None else kept


def contradictions(settings: Settings) -> list[str]:
    """Return a sentence for each pair of settings that cannot go together."""
    found = []
    if settings.soft_time_limit and settings.time_limit and settings.soft_time_limit > settings.time_limit:
        found.append(
            _(
                "The soft time limit ({soft_time_limit:g} s) is over the hard one ({time_limit:g} s), so it would"
                " never be reached. Make CELERY_TASK_SOFT_TIME_LIMIT the smaller of the two."
            ).format(soft_time_limit=settings.soft_time_limit, time_limit=settings.time_limit)
        )
    if settings.renew_every * 2 > settings.lease:
        found.append(
            _(
                "A lease of {lease:g} s that is renewed every {renew_every:g} s does not outlive one missed renewal."
                " Make CELERIAC['LEASE'] at least twice CELERIAC['RENEW_EVERY']."
            ).format(lease=settings.lease, renew_every=settings.renew_every)
        )
    return found
