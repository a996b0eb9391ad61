"""What becomes of the periodic tasks that are due: their jobs, and their next times. No code of the project runs here."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.arguments import Misfit
from celeriac.beat.fitting import Fitting
from celeriac.beat.policies import policy_problems
from celeriac.beat.timetable import AT_ONCE, Timetable
from celeriac.calling import build_job
from celeriac.engine.codec import decode_payload
from celeriac.engine.entry import Entry, IsLive, Step
from celeriac.engine.errors import BrokerUnavailable, CeleriacError, did_you_mean
from celeriac.engine.ids import derived_id, new_id
from celeriac.engine.job import Job
from celeriac.engine.request import NOMINAL, PERIODIC, iso
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

logger = logging.getLogger("celeriac.beat")

LOOK_AGAIN = 1.0
"""Seconds until a tick that is held is looked at again."""
UNKNOWN_FOR = 60.0
"""Seconds that a tick waits for somebody who knows its task, or one that takes its arguments: a worker with newer code."""
KEPT = 10
"""Ids of its last jobs that an entry keeps."""
OF_A_ROW = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError, CeleriacError)
"""What a row of anybody's making may raise."""


class Planning:
    """Plans the entries of one app: a ``Planner`` of the engine."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._fitting = Fitting(app)

    def __call__(self, entries: Sequence[Entry], now: float, is_live: IsLive) -> list[Step]:
        """Return a step for each entry. One that cannot be understood is stopped, and says why; the others go on."""
        return [self.step(entry, now, is_live) for entry in entries]

    def step(self, entry: Entry, now: float, is_live: IsLive) -> Step:
        """Return the step of one entry, stopped where it cannot be understood."""
        try:
            return self.understood(entry, now, is_live)
        except BrokerUnavailable:
            raise  # that is not the row's fault
        except OF_A_ROW as error:
            logger.error("The periodic task %r is stopped: %s", entry.name, error)
            return Step(entry=entry.id, enabled=False, problem=str(error) or type(error).__name__)

    def understood(self, entry: Entry, now: float, is_live: IsLive) -> Step:
        """Return the step of an entry. Raises one of ``OF_A_ROW``."""
        _refuse_misdates(entry)
        if wrong := policy_problems(entry.misfire, entry.misfire_limit, entry.overlap, entry.jitter):
            raise ValueError(" ".join(wrong.values()))
        timetable = Timetable(entry, _mapping("fields", entry.fields), self._app.settings.timezone)
        if entry.next_run is None:
            return _first(entry, timetable, now, self._app.settings.timezone)
        if entry.task not in self._app.tasks:
            text = _("No worker knows the task {task!r}.{hint}")
            return _await_somebody(entry, now, text.format(task=entry.task, hint=did_you_mean(entry.task, self._app.tasks)))
        try:
            return self._fire(entry, timetable, now, is_live)
        except Misfit as error:
            return _await_somebody(entry, now, str(error))

    def _fire(self, entry: Entry, timetable: Timetable, now: float, is_live: IsLive) -> Step:
        assert entry.next_run is not None
        first = entry.next_run if entry.held is None else entry.held
        if entry.overlap == "allow":
            times, following = _due(entry, timetable, first, now)
        elif entry.last_job is None or not is_live(entry.last_job):
            times, following = _one(entry, timetable, first, now)
        elif entry.overlap == "queue":
            return Step(entry=entry.id, next_run=now + LOOK_AGAIN, held=first)
        else:
            times, following = [], timetable.resume(first, max(now, first))
        if entry.one_off and times:
            times, following = times[:1], None
        jobs = [self.job(entry, nominal) for nominal in times]
        recent = with_recent(entry.recent, [job.id for job in jobs]) if jobs else None
        return Step(entry=entry.id, jobs=jobs, next_run=following, enabled=following is not None, recent=recent)

    def job(self, entry: Entry, nominal: float) -> Job:
        """Return the job of one tick. Whoever builds it, its id is the same. Raises one of ``OF_A_ROW``."""
        args, kwargs, options = arguments_of(entry)
        id = derived_id(f"periodic {entry.name}", str(iso(nominal)))
        if entry.jitter > 0 and not options.keys() & {"countdown", "eta"}:
            options["eta"] = iso(nominal + entry.jitter * _chance(id))
        return self._build(entry, nominal, id, args, kwargs, options)

    def job_now(self, entry: Entry, now: float) -> Job:
        """Return a job that is no tick: to run at once, because somebody asked for it. Raises one of ``OF_A_ROW``."""
        args, kwargs, options = arguments_of(entry)
        for option in ("countdown", "eta"):
            options.pop(option, None)
        return self._build(entry, now, new_id(), args, kwargs, options)

    def _build(self, entry: Entry, nominal: float, id: str, args: Any, kwargs: Any, options: dict[str, Any]) -> Job:
        time = iso(nominal)
        options["task_id"] = id
        options |= {"queue": entry.queue or None, "priority": entry.priority}
        marks = {PERIODIC: entry.name, NOMINAL: time}
        app = self._app
        task = app.tasks.get_task(entry.task)
        if task is not None:
            self._fitting.check(entry.task, args, kwargs)
        job = build_job(app, entry.task, task, args, kwargs, options, marks, app.router.written)
        job.schedule, job.nominal = entry.name, nominal
        return job


def _refuse_misdates(entry: Entry) -> None:
    for column in ("start", "end", "held", "last_run"):
        if isinstance(value := getattr(entry, column), str):
            raise ValueError(_("{column} was {value!r}, which is no time.").format(column=column, value=value))


def _first(entry: Entry, timetable: Timetable, now: float, zone: str) -> Step:
    """Plan an entry that is new or was changed. What has run does not run again, also where the clock was put back."""
    first = timetable.next(max(now, entry.last_run or 0.0))
    if first is None:
        return Step(entry=entry.id, enabled=False, problem=_("Its time is over: there is none to come."))
    return Step(entry=entry.id, next_run=first, zone="" if entry.time_zone or timetable.every else zone)


def _await_somebody(entry: Entry, now: float, problem: str) -> Step:
    """Hold a tick that cannot be here and perhaps can elsewhere; stop the entry where nobody comes."""
    assert entry.next_run is not None
    nominal = entry.next_run if entry.held is None else entry.held
    if now - nominal > UNKNOWN_FOR:
        logger.error("The periodic task %r is stopped: %s", entry.name, problem)
        return Step(entry=entry.id, enabled=False, problem=problem)
    return Step(entry=entry.id, next_run=now + LOOK_AGAIN, held=nominal, problem=problem)


def _due(entry: Entry, timetable: Timetable, first: float, now: float) -> tuple[list[float], float | None]:
    """Return the times that are to be run now, and the one that comes next."""
    if entry.held is not None:  # those who did not know the task have kept it waiting, which makes nothing a misfire
        return timetable.due(first, now, "all", AT_ONCE)
    return timetable.due(first, now, entry.misfire, entry.misfire_limit)


def _one(entry: Entry, timetable: Timetable, first: float, now: float) -> tuple[list[float], float | None]:
    """The same for an entry of which no two may run at once: one time at most."""
    times = [first] if entry.held is not None else _due(entry, timetable, first, now)[0][:1]
    return times, timetable.resume(first, max(now, first))


def arguments_of(entry: Entry) -> tuple[Sequence[Any], Mapping[str, Any], dict[str, Any]]:
    """Return arguments and options with the types that JSON has no words for. Raises ``ValueError`` for anything else."""
    args, kwargs = _read("args", entry.args), _mapping("kwargs", entry.kwargs)
    if not isinstance(args, list):
        raise ValueError(_("args is {args!r}; expected a list.").format(args=args))
    options = {**_mapping("options", entry.options), "headers": _mapping("headers", entry.headers)}
    return decode_payload(msgspec.json.encode([args, kwargs, options]))


def _read(column: str, value: Any) -> Any:
    """Return what a JSON column holds, whether or not the driver decoded it."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise ValueError(_("{column} is {value!r}, which is not JSON: {error}").format(
            column=column, value=value, error=error)) from error  # fmt: skip


def _mapping(column: str, value: Any) -> Mapping[str, Any]:
    found = _read(column, value)
    if not isinstance(found, Mapping):
        raise ValueError(_("{column} is {found!r}; expected names with values.").format(column=column, found=found))
    return found


def with_recent(before: Any, ids: Sequence[str]) -> list[str]:
    """Return the ids of an entry's last jobs, the latest last, where these are new."""
    known = _read("recent", before)
    return [*(known if isinstance(known, list) else ()), *ids][-KEPT:]


def _chance(id: str) -> float:
    """Return a number from 0 to 1 that is the same for the same job, whoever asks."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:6]) / (1 << 48)
