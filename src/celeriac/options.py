"""The options of a call: which there are, and how each becomes a part of a job.

What is given with the call wins over the task's own options, these over ``task_routes``, these over the settings (``lpmerge``
in celery.app.routes). None never overrides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from celeriac.conf import Settings
from celeriac.conf.backends import queues_of_backends
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.exceptions import NotInThisVersion, QueueNotFound

USED = frozenset({
    "countdown", "eta", "expires", "queue", "routing_key", "priority", "task_id", "headers", "time_limit", "soft_time_limit",
    "ignore_result", "link", "link_error", "root_id", "parent_id", "group_id", "group_index", "add_to_parent",
})  # fmt: skip

IGNORED = frozenset({
    "app_id", "argsrepr", "auto_delete", "cls", "compression", "compresslevel", "connection", "content_encoding",
    "content_type", "correlation_id", "declare", "delivery_mode", "durable", "exchange", "exchange_type", "expiration",
    "immediate", "kwargsrepr", "languages", "mandatory", "message_id", "now", "origin", "producer", "publisher",
    "replaced_task_nesting", "reply_to", "result_cls", "retries", "retry", "retry_policy", "router", "serializer",
    "shadow", "stamped_headers", "stamps", "task_type", "timeout", "timestamp", "type", "user_id",
})  # fmt: skip
"""Options of Celery about transport and looks; they change nothing here."""

WORKFLOW = frozenset({"chain", "chord", "chord_size"})
LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Seconds since 1970 that every database can still keep as a date."""
MAX_NAME = 255
"""Characters of an id, a queue's or a task's name: what every broker keeps."""
PRIORITIES = range(-100, 101)


def refuse_unknown(options: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` for an option that neither Celery nor Celeriac has."""
    for name in options:
        if name in USED or name in IGNORED:
            continue
        if name in WORKFLOW:
            if options[name]:
                raise NotInThisVersion(
                    _("The option {name!r} belongs to workflows, and these are not in this version.").format(name=name)
                )
            continue
        raise TypeError(
            _("There is no option {name!r} for a call of a task.{hint}").format(name=name, hint=did_you_mean(name, USED))
        )


def text(option: str, value: Any) -> str:
    """Return an id or a name as every broker can keep it."""
    named = str(value)
    if not 0 < len(named) <= MAX_NAME or "\x00" in named or not _is_unicode(named):
        raise ValueError(
            _("{option} is {named!r}; expected 1 to {max_name} characters, without NUL.").format(
                option=option, named=_shortened(named), max_name=MAX_NAME
            )
        )
    return named


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shortened(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "..."


def queue_of(options: Mapping[str, Any], settings: Settings) -> str:
    """Return the queue of a call. Raises ``QueueNotFound`` where only declared queues are allowed."""
    chosen = options.get("queue")
    if chosen is None:
        chosen = options.get("routing_key")  # with Celery's direct exchange the routing key is the queue's name
    if chosen is None:
        chosen = settings.default_queue
    queue = text("queue", getattr(chosen, "name", chosen))
    if not settings.create_missing_queues and queue not in settings.queues and queue != settings.default_queue:
        _refuse_unless_of_a_backend(queue, settings)
    return queue


def _refuse_unless_of_a_backend(queue: str, settings: Settings) -> None:
    """Raise ``QueueNotFound`` for a queue that ``TASKS`` does not name either."""
    known = [settings.default_queue, *settings.queues, *queues_of_backends()]
    if queue not in known:
        raise QueueNotFound(
            _("There is no queue {queue!r} in CELERY_TASK_QUEUES.{hint}").format(queue=queue, hint=did_you_mean(queue, known))
        )


def priority_of(options: Mapping[str, Any], settings: Settings) -> int:
    """Return the priority of a call, the higher the more urgent. Raises ``ValueError``."""
    priority = options.get("priority")
    checked = checked_priority(settings.default_priority if priority is None else priority)
    return -checked if settings.reverse_priority else checked


def checked_priority(priority: Any) -> int:
    """Return a priority as somebody wrote it. Raises ``ValueError`` for anything that is none."""
    if not isinstance(priority, int) or isinstance(priority, bool) or priority not in PRIORITIES:
        raise ValueError(
            _("priority is {priority!r}; expected a whole number from -100 to 100, higher for more urgent.").format(
                priority=priority
            )
        )
    return priority


def moment(option: str, value: Any, now: float, settings: Settings) -> float:
    """Return a time as seconds since 1970 UTC.

    ``value``: a number of seconds from now, a ``timedelta``, a ``datetime`` or its ISO 8601 text; without a zone it is in the
    setting ``timezone``.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        value = _parsed(option, value)
    if isinstance(value, datetime):
        return (value.replace(tzinfo=ZoneInfo(settings.timezone)) if value.tzinfo is None else value).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LATEST < value < LATEST - now:
        raise ValueError(
            _("{option} is {value!r}; expected seconds from now, a timedelta, a datetime or its ISO 8601 text.").format(
                option=option, value=value
            )
        )
    return now + value


def _parsed(option: str, value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            _("{option} is {value!r}; expected a date and time in ISO 8601, such as 2026-11-21T04:39:50+00:00.").format(
                option=option, value=value
            )
        ) from None


def run_at_of(options: Mapping[str, Any], now: float, settings: Settings) -> float | None:
    """Return when the job is due, or None for at once."""
    countdown = options.get("countdown")
    if countdown:
        if isinstance(countdown, str | datetime):
            raise ValueError(
                _("countdown is {countdown!r}; expected seconds. A date and time is given as eta.").format(countdown=countdown)
            )
        due = moment("countdown", countdown, now, settings)
    elif options.get("eta") is not None:
        eta = options["eta"]
        if not isinstance(eta, str | datetime):
            raise ValueError(
                _("eta is {eta!r}; expected a datetime or its ISO 8601 text. Seconds from now are given as countdown.").format(
                    eta=eta
                )
            )
        due = moment("eta", eta, now, settings)
    else:
        return None
    return due if due > now else None


def expires_of(options: Mapping[str, Any], now: float, settings: Settings) -> float | None:
    """Return when the job expires, or None for never."""
    expires = options.get("expires")
    return None if expires is None else moment("expires", expires, now, settings)


def limit(option: str, value: Any) -> float | None:
    """Return a time limit in seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ValueError(_("{option} is {value!r}; expected a number of seconds.").format(option=option, value=value))
    return float(value) or None


def check_limits(soft: float | None, hard: float | None) -> None:
    """Raise ``ValueError`` for a soft limit that would never be reached."""
    if soft and hard and soft > hard:
        raise ValueError(
            _("soft_time_limit ({soft:g} s) must be less than or equal to time_limit ({hard:g} s).").format(
                soft=soft, hard=hard
            )
        )
