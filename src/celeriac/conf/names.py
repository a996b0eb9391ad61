"""Celery's names for settings, new and old (celery.app.defaults), and what becomes of each here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

USED: Mapping[str, str] = {
    "broker_url": "broker_url",
    "result_backend": "result_backend",
    "result_expires": "result_expires",
    "task_default_queue": "default_queue",
    "task_queues": "queues",
    "task_create_missing_queues": "create_missing_queues",
    "task_routes": "routes",
    "task_default_priority": "default_priority",
    "task_always_eager": "always_eager",
    "task_eager_propagates": "eager_propagates",
    "task_ignore_result": "ignore_result",
    "task_track_started": "track_started",
    "task_acks_late": "acks_late",
    "task_time_limit": "time_limit",
    "task_soft_time_limit": "soft_time_limit",
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


_LEASES = "a job whose process dies runs again at once, and whoever runs a job holds a lease that is renewed while it lives."
_LATER = "it has no effect in this version."

UNUSED: Mapping[str, Unused] = {
    "accept_content": Unused(["json"], ""),
    "enable_utc": Unused(True),
    "task_serializer": Unused("json"),
    "result_serializer": Unused("json"),
    "result_accept_content": Unused(),
    "event_serializer": Unused("json"),
    "task_compression": Unused(),
    "result_compression": Unused(),
    "task_protocol": Unused(2),
    "task_default_exchange": Unused(),
    "task_default_exchange_type": Unused("direct"),
    "task_default_routing_key": Unused(),
    "task_default_delivery_mode": Unused(2),
    "task_default_queue_type": Unused("classic"),
    "task_create_missing_queue_type": Unused("classic"),
    "task_create_missing_queue_exchange_type": Unused(),
    "task_queue_max_priority": Unused(),
    "task_queue_ha_policy": Unused(),
    "task_inherit_parent_priority": Unused(False, _LATER),
    "task_default_rate_limit": Unused(None, _LATER),
    "task_publish_retry": Unused(True),
    "task_publish_retry_policy": Unused({}),
    "task_send_sent_event": Unused(False),
    "task_store_errors_even_if_ignored": Unused(False, "errors are always kept."),
    "task_store_eager_result": Unused(False, _LATER),
    "task_remote_tracebacks": Unused(False),
    "task_repr_maxlevels": Unused(3),
    "task_allow_error_cb_on_chord_header": Unused(False),
    "task_acks_on_failure": Unused(True, _LEASES),
    "task_acks_on_timeout": Unused(True, _LEASES),
    "task_acks_on_failure_or_timeout": Unused(True, _LEASES),
    "task_reject_on_worker_lost": Unused(None, _LEASES),
    "task_retry_on_worker_lost": Unused(False, _LEASES),
    "result_extended": Unused(False, "name, arguments, worker and queue of a job are always kept."),
    "result_persistent": Unused(),
    "result_cache_max": Unused(-1),
    "result_exchange": Unused(),
    "result_exchange_type": Unused(),
    "result_chord_join_timeout": Unused(3.0),
    "result_chord_retry_interval": Unused(1.0),
    "result_chord_ordered": Unused(True),
    "result_chord_expires": Unused(),
    "result_failure_expires": Unused(None, "CELERIAC['KEEP_FAILED'] says how many days failed jobs are kept."),
    "worker_agent": Unused(),
    "worker_autoscaler": Unused(),
    "worker_timer": Unused(),
    "worker_timer_precision": Unused(),
    "worker_consumer": Unused(),
    "worker_direct": Unused(False),
    "worker_disable_rate_limits": Unused(False),
    "worker_disable_prefetch": Unused(False),
    "worker_eta_task_limit": Unused(),
    "worker_enable_prefetch_count_reduction": Unused(True),
    "worker_detect_quorum_queues": Unused(True),
    "worker_deduplicate_successful_tasks": Unused(False),
    "worker_cancel_long_running_tasks_on_connection_loss": Unused(False),
    "worker_enable_remote_control": Unused(True),
    "worker_send_task_events": Unused(False),
    "worker_lost_wait": Unused(10.0),
    "worker_pool_putlocks": Unused(True),
    "worker_pool_restarts": Unused(False),
    "worker_proc_alive_timeout": Unused(4.0),
    "worker_soft_shutdown_timeout": Unused(0.0, "on TERM a worker always finishes what runs and gives the rest back."),
    "worker_enable_soft_shutdown_on_idle": Unused(False),
    "worker_state_db": Unused(None, "cancellations are kept by the broker."),
    "beat_scheduler": Unused(None, "schedules do not run in this version."),
    "beat_schedule_filename": Unused(),
    "beat_max_loop_interval": Unused(0),
    "beat_sync_every": Unused(0),
    "beat_cron_starting_deadline": Unused(),
    "override_backends": Unused({}),
    "skip_checks": Unused(False),
    "db_reuse_max": Unused(),
}
"""Celery's name -> what it would be there. Accepted, kept for whoever reads ``app.conf``, without effect."""

FAMILIES = (
    "arangodb_", "azureblockblob_", "broker_", "cache_backend", "cassandra_", "control_", "cosmosdbsql_", "couchbase_",
    "database_", "dynamodb_", "elasticsearch_", "event_", "gcs_", "mongodb_", "redis_", "result_backend_", "s3_", "security_",
)  # fmt: skip
"""What options of transports and of other result backends begin with. Without effect here."""

OLD: Mapping[str, str] = {
    "celery_eager_propagates_exceptions": "task_eager_propagates",
    "celery_task_result_expires": "result_expires",
    "celery_message_compression": "task_compression",
    "celery_send_events": "worker_send_task_events",
    "celery_send_task_sent_event": "task_send_sent_event",
    "celery_max_cached_results": "result_cache_max",
    "celery_disable_rate_limits": "worker_disable_rate_limits",
    "celery_redirect_stdouts": "worker_redirect_stdouts",
    "celery_redirect_stdouts_level": "worker_redirect_stdouts_level",
    "celery_enable_remote_control": "worker_enable_remote_control",
    "celery_chord_propagates": "task_allow_error_cb_on_chord_header",
    "celery_result_dburi": "database_url",
    "celery_result_db_short_lived_sessions": "database_short_lived_sessions",
}
"""Names of Celery 3 that follow no rule."""

PREFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("celery_", ("", "task_")),
    ("celeryd_", ("worker_", "")),
    ("celerybeat_", ("beat_",)),
)
"""What a name began with in Celery 3, and what it begins with since."""


def is_known(name: str) -> bool:
    """Return whether Celery has a setting of this lower-case name."""
    return name in USED or name in UNUSED or name.startswith(FAMILIES)


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
