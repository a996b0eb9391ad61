"""Celery's names for settings, new and old (celery.app.defaults), and what becomes of each here."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from celeriac.engine.translation import gettext_noop as _

USED: Mapping[str, str] = {
    "broker_url": "broker_url",
    "result_backend": "result_backend",
    "cache_backend": "cache_backend",
    "result_expires": "result_expires",
    "task_default_queue": "default_queue",
    "task_queues": "queues",
    "task_create_missing_queues": "create_missing_queues",
    "task_routes": "routes",
    "task_default_priority": "default_priority",
    "task_always_eager": "always_eager",
    "task_eager_propagates": "eager_propagates",
    "task_store_eager_result": "store_eager_result",
    "task_ignore_result": "ignore_result",
    "task_track_started": "track_started",
    "task_acks_late": "acks_late",
    "task_time_limit": "time_limit",
    "task_soft_time_limit": "soft_time_limit",
    "task_default_rate_limit": "default_rate_limit",
    "task_annotations": "annotations",
    "worker_concurrency": "concurrency",
    "worker_pool": "pool",
    "worker_max_tasks_per_child": "max_tasks_per_child",
    "worker_max_memory_per_child": "max_memory_per_child",
    "worker_prefetch_multiplier": "prefetch_multiplier",
    "worker_hijack_root_logger": "hijack_root_logger",
    "worker_redirect_stdouts": "redirect_stdouts",
    "worker_redirect_stdouts_level": "redirect_stdouts_level",
    "worker_log_color": "log_color",
    "worker_log_format": "log_format",
    "worker_task_log_format": "task_log_format",
    "timezone": "timezone",
    "imports": "imports",
    "include": "include",
    "beat_schedule": "beat_schedule",
}
"""Celery's name -> the field of ``Settings``."""


class Unused(NamedTuple):
    """A setting of Celery that has nothing to set here: its default there, and a line where the reader should know why."""

    default: Any = None
    why: str = ""


_LEASES = _("a job whose process dies runs again at once, and whoever runs a job holds a lease that is renewed while it lives.")
_LATER = _("it has no effect in this version.")
_JSON = _("arguments and results are JSON.")
_SIZE = _("what is kept is not compressed; CELERIAC['MAX_PAYLOAD_BYTES'] limits its size.")
_DATABASE = _("the broker's URL says all that is needed to connect to it.")
_RESULTS = _("results are kept with their jobs.")
_BY_NAME = _("a job goes to its queue by the queue's name alone.")
_EVENTS = _("no events are sent: the database knows the state of every job.")
_CONTROL = _("workers are told what to do through the database.")
_ROOM = _("a worker claims what it has room for, and gives back what waits behind a slow job.")
_PARTS = _("this is a part of Celery's own worker.")
_BEAT = _("the schedule is a table of the project's database, and what is due is fired at its time.")
_MISFIRE = _("each entry says by 'misfire' what becomes of times that nobody was there for.")
_STOP = _("on TERM a worker always finishes what runs and gives the rest back.")
_LOG = _("--loglevel and --logfile of the command say it.")
_MAIL = _("failures are logged and kept; to be told by e-mail, connect to the signal task_failure.")

UNUSED: Mapping[str, Unused] = {
    "accept_content": Unused(["json"], _JSON),
    "result_accept_content": Unused(None, _JSON),
    "task_serializer": Unused("json", _JSON),
    "result_serializer": Unused("json", _JSON),
    "event_serializer": Unused("json", _EVENTS),
    "enable_utc": Unused(
        True, "times are always kept in UTC, and a time without a zone is one of CELERY_TIMEZONE or TIME_ZONE."
    ),
    "task_compression": Unused(None, _SIZE),
    "result_compression": Unused(None, _SIZE),
    "task_protocol": Unused(2, _DATABASE),
    "task_args_repr_function": Unused(None, _("arguments are kept as they are.")),
    "task_kwargs_repr_function": Unused(None, _("arguments are kept as they are.")),
    "task_default_exchange": Unused(None, _BY_NAME),
    "task_default_exchange_type": Unused("direct", _BY_NAME),
    "task_default_routing_key": Unused(None, _BY_NAME),
    "task_default_delivery_mode": Unused(2, _("what is enqueued is always on the disk.")),
    "task_default_queue_type": Unused("classic", _DATABASE),
    "task_create_missing_queue_type": Unused("classic", _DATABASE),
    "task_create_missing_queue_exchange_type": Unused(None, _BY_NAME),
    "task_queue_max_priority": Unused(None, _("every queue knows the priorities -100 to 100.")),
    "task_queue_ha_policy": Unused(None, _DATABASE),
    "task_inherit_parent_priority": Unused(False, _LATER),
    "task_publish_retry": Unused(True, _DATABASE),
    "task_publish_retry_policy": Unused({}, _DATABASE),
    "task_send_sent_event": Unused(False, _EVENTS),
    "task_store_errors_even_if_ignored": Unused(False, _("errors are always kept.")),
    "task_remote_tracebacks": Unused(False, _("tracebacks are kept as text, and AsyncResult.traceback shows them.")),
    "task_repr_maxlevels": Unused(3, _("arguments are kept as they are.")),
    "task_allow_error_cb_on_chord_header": Unused(False, _LATER),
    "task_acks_on_failure": Unused(None, _LEASES),
    "task_acks_on_timeout": Unused(None, _LEASES),
    "task_acks_on_failure_or_timeout": Unused(True, _LEASES),
    "task_reject_on_worker_lost": Unused(None, _LEASES),
    "task_retry_on_worker_lost": Unused(False, _LEASES),
    "result_extended": Unused(True, _("name, arguments, worker and queue of a job are always kept.")),
    "result_persistent": Unused(None, _RESULTS),
    "result_cache_max": Unused(-1, _RESULTS),
    "result_exchange": Unused(None, _RESULTS),
    "result_exchange_type": Unused(None, _RESULTS),
    "result_chord_join_timeout": Unused(3.0, _LATER),
    "result_chord_retry_interval": Unused(1.0, _LATER),
    "result_chord_ordered": Unused(True, _LATER),
    "result_chord_expires": Unused(None, _LATER),
    "result_failure_expires": Unused(None, _("CELERIAC['KEEP_FAILED'] says how many days failed jobs are kept.")),
    "worker_agent": Unused(None, _PARTS),
    "worker_autoscaler": Unused(None, _PARTS),
    "worker_timer": Unused(None, _PARTS),
    "worker_timer_precision": Unused(1.0, _PARTS),
    "worker_consumer": Unused(None, _PARTS),
    "worker_pool_putlocks": Unused(True, _PARTS),
    "worker_pool_restarts": Unused(False, _("HUP makes a worker load the code anew.")),
    "worker_pool_start_method": Unused("fork", _("children are forked from a process without threads or connections.")),
    "worker_proc_alive_timeout": Unused(4.0, _PARTS),
    "worker_direct": Unused(False, _LATER),
    "worker_disable_rate_limits": Unused(
        False, "a task without a rate limit is not slowed by any, so there is nothing to turn off."
    ),
    "worker_disable_prefetch": Unused(False, _ROOM),
    "worker_eta_task_limit": Unused(None, _("jobs wait for their time in the database, not in a worker.")),
    "worker_enable_prefetch_count_reduction": Unused(True, _ROOM),
    "worker_detect_quorum_queues": Unused(True, _DATABASE),
    "worker_deduplicate_successful_tasks": Unused(False, _("an outcome is taken once: a job that has ended is not run again.")),
    "worker_cancel_long_running_tasks_on_connection_loss": Unused(False, _LEASES),
    "worker_enable_remote_control": Unused(True, _CONTROL),
    "worker_send_task_events": Unused(False, _EVENTS),
    "worker_lost_wait": Unused(10.0, _LEASES),
    "worker_soft_shutdown_timeout": Unused(0.0, _STOP),
    "worker_enable_soft_shutdown_on_idle": Unused(False, _STOP),
    "worker_state_db": Unused(None, _("cancellations are kept in the database.")),
    "worker_log_datefmt": Unused(None, _LATER),
    "worker_task_log_datefmt": Unused(None, _LATER),
    "beat_scheduler": Unused(None, _BEAT),
    "beat_schedule_filename": Unused(None, _BEAT),
    "beat_max_loop_interval": Unused(0, _BEAT),
    "beat_sync_every": Unused(0, _BEAT),
    "beat_cron_starting_deadline": Unused(None, _MISFIRE),
    "beat_enable_remote_control": Unused(False, _BEAT),
    "beat_remote_control_max_tick_age": Unused(None, _BEAT),
    "override_backends": Unused({}, _RESULTS),
    "skip_checks": Unused(False, _("a worker always runs Django's system checks.")),
    "db_reuse_max": Unused(None, _("a worker keeps its connections for 30 s at least, or for CONN_MAX_AGE.")),
}
"""Celery's name -> what it would be there. Accepted, kept for whoever reads ``app.conf``, without effect."""

CONNECTING = frozenset({
    "broker_connection_timeout", "broker_heartbeat", "broker_login_method", "broker_use_ssl", "redis_backend_use_ssl",
})  # fmt: skip
"""Celery's names of settings that count where the server in the URL knows such a thing (``connecting.py``)."""

FAMILIES: Mapping[str, str] = {
    "arangodb_": _RESULTS,
    "azureblockblob_": _RESULTS,
    "broker_": _DATABASE,
    "cache_backend": _RESULTS,
    "cassandra_": _RESULTS,
    "celery_broadcast_": _CONTROL,
    "celerymon_": _EVENTS,
    "control_": _CONTROL,
    "cosmosdbsql_": _RESULTS,
    "couchbase_": _RESULTS,
    "database_": _RESULTS,
    "dynamodb_": _RESULTS,
    "elasticsearch_": _RESULTS,
    "event_": _EVENTS,
    "gcs_": _RESULTS,
    "mongodb_": _RESULTS,
    "redis_": _RESULTS,
    "result_backend_": _RESULTS,
    "s3_": _RESULTS,
    "security_": _(
        "there are no certificates: with CELERIAC['SIGNING_KEYS'] every message is signed by a secret that the project's"
        " processes share."
    ),
}
"""What options of transports and of other result backends begin with, and why they have no effect here."""

GONE: Mapping[str, str] = {
    "celery_amqp_task_result_connection_max": _RESULTS,
    "celery_chord_propagates": _LATER,
    "celery_loader": _("Django's settings are read without being told."),
    "celery_send_task_error_emails": _MAIL,
    "celery_task_error_whitelist": _MAIL,
    "celerybeat_log_file": _LOG,
    "celerybeat_log_level": _LOG,
    "celeryd_autoreloader": _PARTS,
    "celeryd_boot_steps": _PARTS,
    "celeryd_eta_scheduler": _PARTS,
    "celeryd_eta_scheduler_precision": _PARTS,
    "celeryd_force_execv": _("children are forked from a process without threads or connections."),
    "celeryd_log_file": _LOG,
    "celeryd_log_level": _LOG,
    "celeryd_mediator": _PARTS,
}
"""Names that Celery itself has no more, and why they have no effect here."""

OLD: Mapping[str, str] = {
    "celery_amqp_task_result_expires": "result_expires",
    "celery_backend": "result_backend",
    "celery_eager_propagates_exceptions": "task_eager_propagates",
    "celery_task_result_expires": "result_expires",
    "celery_message_compression": "task_compression",
    "celery_send_events": "worker_send_task_events",
    "celery_send_task_sent_event": "task_send_sent_event",
    "celery_max_cached_results": "result_cache_max",
    "celery_result_dburi": "database_url",
    "celery_result_db_short_lived_sessions": "database_short_lived_sessions",
    "celery_result_db_tablenames": "database_table_names",
    "celery_result_db_table_names": "database_table_names",
    "celery_result_engine_options": "database_engine_options",
}
"""Names of Celery 3 that follow no rule."""

PREFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("celery_", ("", "task_", "worker_", "beat_")),
    ("celeryd_", ("worker_", "task_", "")),
    ("celerybeat_", ("beat_",)),
)
"""What a name began with in Celery 3, and what it begins with since. ``CELERY_CONCURRENCY``, which Celery passes over in
silence, is one of them."""


SLIP = 0.88
"""How like a setting a name must be to be taken for it, misspelled: ``broker_user`` is 0.86 of ``broker_url``."""


def is_known(name: str) -> bool:
    """Return whether Celery has a setting of this lower-case name.

    What has only the beginning of a family, and is nearly a setting that counts, is a slip: ``broker_ulr``.
    """
    if name in USED or name in UNUSED or name in GONE:
        return True
    return name.startswith(tuple(FAMILIES)) and not get_close_matches(name, USED, n=1, cutoff=SLIP)


def canonical(name: str, namespace: str | None = None) -> str | None:
    """Return Celery's present name for a setting in any of its spellings, or None for one that Celery does not have.

    ``CELERY_TASK_ALWAYS_EAGER``, ``CELERY_ALWAYS_EAGER`` and ``task_always_eager`` are one.
    """
    lower = name.lower()
    if namespace and lower.startswith(f"{namespace.lower()}_"):
        rest = lower[len(namespace) + 1 :]
        lower = rest if is_known(rest) else f"celery_{rest}"
    if is_known(lower):
        return lower
    if lower in OLD:
        return OLD[lower]
    for prefix, replacements in PREFIXES:
        for replacement in replacements:
            renamed = replacement + lower.removeprefix(prefix)
            if lower.startswith(prefix) and is_known(renamed):
                return renamed
    return None


def is_present(name: str, namespace: str | None = None) -> bool:
    """Return whether a setting is spelled as Celery spells it today. It counts over an older spelling of the same."""
    known = canonical(name, namespace)
    return name.lower() in (known, f"{(namespace or 'celery').lower()}_{known}")


def why_unused(known: str, value: Any) -> str:
    """Return why a setting without effect here has none; nothing where its value is what holds anyway."""
    if known in UNUSED:
        default, why = UNUSED[known]
        return "" if value == default else why
    if known in GONE:
        return GONE[known]
    return next((why for family, why in FAMILIES.items() if value and known.startswith(family)), "")
