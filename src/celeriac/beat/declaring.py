"""The periodic tasks that the code declares: ``beat_schedule``, ``add_periodic_task``, and tasks with a ``schedule``.

``add_periodic_task`` and ``@periodic_task`` write into ``conf.beat_schedule``, so two places are read here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac import options as opts
from celeriac.beat.policies import policy_problems
from celeriac.engine.codec import encode_payload
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.schedules import BaseSchedule, maybe_schedule

if TYPE_CHECKING:
    from celeriac.app import Celery

_OWN: Mapping[str, Any] = {
    "one_off": False, "enabled": True, "misfire": "once", "misfire_limit": 10, "overlap": "allow", "jitter": 0.0,
    "description": "", "start": None, "end": None,
}  # fmt: skip
"""Columns of ``PeriodicTask`` that Celery has no words for, and what they are where an entry does not say."""
KEYS = ("task", "schedule", "args", "kwargs", "options", "relative", *_OWN)
"""What an entry may say."""
OF_CELERY = frozenset({"name", "app", "last_run_at", "total_run_count", "default_now"})
"""Attributes of Celery's ``ScheduleEntry``, which an entry may be, that declare nothing."""
UNREADABLE = "unreadable"
"""The kind of a schedule that could not be understood."""
_LARGEST = 10_000_000


class Declaration(msgspec.Struct):
    """One entry as the columns of ``PeriodicTask`` that it decides, as JSON. ``problem``: why it cannot run."""

    columns: dict[str, Any]
    problem: str = ""

    @property
    def digest(self) -> str:
        """What changes when the declaration does."""
        return hashlib.sha256(msgspec.json.encode([self.columns, self.problem], order="deterministic")).hexdigest()


def declared(app: Celery) -> dict[str, Declaration]:
    """Return the entries of an app by their names. One that is wrong says why, and the others are not concerned."""
    entries: dict[str, Any] = {
        task.name: {"task": task.name, "schedule": task.schedule}
        for task in app.tasks.values()
        if getattr(task, "schedule", None) is not None
    }
    entries |= app.settings.beat_schedule
    return {
        opts.text("The name of a periodic task", name): _declaration(entry, app.timezone) for name, entry in entries.items()
    }


def _declaration(entry: Any, zone: tzinfo) -> Declaration:
    if not isinstance(entry, Mapping) and not hasattr(entry, "__dict__"):
        problem = _("The entry is {entry!r}; expected names with values, such as 'task' and 'schedule'.").format(entry=entry)
        return Declaration({"task": "", "kind": UNREADABLE, "fields": {}}, problem)
    fields = dict(entry) if isinstance(entry, Mapping) else vars(entry)
    task = str(getattr(fields.get("task"), "name", fields.get("task") or ""))
    try:
        return Declaration(_columns(task, fields, zone))
    except (ValueError, TypeError, NotImplementedError) as error:
        return Declaration({"task": task[: opts.MAX_NAME], "kind": UNREADABLE, "fields": {}}, str(error))


def _columns(task: str, entry: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    for key in entry:
        if key not in KEYS and key not in OF_CELERY:
            raise ValueError(_("An entry of a schedule has no {key!r}.{hint}").format(key=key, hint=did_you_mean(key, KEYS)))
    if not task:
        raise ValueError(_("The entry names no task. Write 'task': the name of a task, such as 'shop.tasks.add'."))
    options = {name: value for name, value in (entry.get("options") or {}).items() if value is not None}
    queue, routing_key = options.pop("queue", None), options.pop("routing_key", None)
    queue = routing_key if queue is None else queue
    priority, headers = options.pop("priority", None), options.pop("headers", None) or {}
    opts.refuse_unknown(options)
    args, kwargs, rest = _as_json(
        task, _plain_args(entry.get("args")), entry.get("kwargs") or {}, {**options, "headers": headers}
    )
    return {
        **_schedule_columns(entry.get("schedule"), bool(entry.get("relative"))),
        "task": opts.text("task", task), "args": args, "kwargs": kwargs, "headers": rest.pop("headers"), "options": rest,
        "queue": "" if queue is None else opts.text("queue", getattr(queue, "name", queue)),
        "priority": None if priority is None else opts.checked_priority(priority),
        **_own_columns(entry, zone),
    }  # fmt: skip


def _own_columns(entry: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    columns = {name: _moment(entry.get(name, default), zone) for name, default in _OWN.items()}
    if wrong := policy_problems(columns["misfire"], columns["misfire_limit"], columns["overlap"], columns["jitter"]):
        raise ValueError(" ".join(wrong.values()))
    return columns


def _plain_args(args: Any) -> list[Any]:
    found = list(args or ())
    for argument in found:
        if hasattr(argument, "delay") and isinstance(argument, Callable):  # type: ignore[arg-type]  # an abstract class
            raise ValueError(
                _("{argument!r} is to be computed when it is due, and arguments are kept as JSON. Compute it in the task.")
                .format(argument=argument)
            )  # fmt: skip
    return found


def _as_json(task: str, args: list[Any], kwargs: Mapping[str, Any], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return arguments and options as JSON; dates and the like are marked as they are in a job's payload."""
    args, kwargs, options = msgspec.json.decode(encode_payload(task, args, kwargs, options, _LARGEST))
    return args, kwargs, options


def _schedule_columns(given: Any, relative: bool) -> dict[str, Any]:
    schedule = maybe_schedule(given, relative)
    if not isinstance(schedule, BaseSchedule):
        raise ValueError(
            _("schedule is {schedule!r}; expected a number of seconds, a timedelta, or a schedule such as crontab(minute=0).")
            .format(schedule=schedule)
        )  # fmt: skip
    fields = schedule.to_dict()
    return {"kind": fields.pop("kind"), "time_zone": fields.pop("tz", ""), "fields": fields}


def _moment(value: Any, zone: tzinfo) -> Any:
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC).isoformat()
