"""Jobs as people handle them: found, tried again, cancelled, deleted. The command line and the admin do it with these."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.calling import publish
from celeriac.engine.brokers.base import Cancel, RunNow, Unpark
from celeriac.engine.encryption import ARGUMENTS, MARK
from celeriac.engine.errors import CeleriacError
from celeriac.engine.ids import derived_id
from celeriac.engine.job import LIVE, TERMINAL, Job, State
from celeriac.engine.signing import Signer, unsigned
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

PAGE = 500
FAMILY = 100
RETRY_OF = "retry_of"
"""The name in a job's metadata under which a retry by hand has the id of the job that it repeats."""


# -- finding -------------------------------------------------------------------------------------------------------------------


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs are meant: those of ``ids``, and of these, or of all, those to which everything else that is said applies."""

    ids: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    task: str | None = None
    queue: str | None = None
    older_than: float | None = None
    """Seconds since they were enqueued, at least."""
    newer_than: float | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is said."""
        return self == Selection()


def select(app: Celery, selection: Selection, limit: int | None = None) -> Iterator[Job]:
    """Yield the jobs of a selection, the newest first; those named by id in the order of the ids."""
    now = app.clock.wall()
    found = _by_id(app.broker(), selection.ids) if selection.ids else _searched(app.broker(), selection, now)
    return islice((job for job in found if _applies(selection, job, now)), limit)


def _by_id(broker: Any, ids: Sequence[str]) -> Iterator[Job]:
    for id in dict.fromkeys(ids):
        job: Job | None = broker.get(id)
        if job is not None:
            yield job


def _searched(broker: Any, selection: Selection, now: float) -> Iterator[Job]:
    where = {name: value for name in ("task", "queue") if (value := getattr(selection, name)) is not None}
    before = since = None
    if broker.capabilities.ordered:  # then an age is a range of numbers; what it is not, _applies leaves out
        before = None if selection.older_than is None else _first_since(broker, now - selection.older_than)
        since = None if selection.newer_than is None else now - selection.newer_than
    filters = [{**where, "state": state} for state in selection.states] or [where]
    return heapq.merge(*(_pages(broker, each, before, since) for each in filters), key=lambda job: -job.number)


def _pages(broker: Any, where: dict[str, Any], before: int | None, since: float | None) -> Iterator[Job]:
    """Yield what a store finds. Numbers are in the order of arrival, so with ``since`` the end is known."""
    while page := broker.find(where, PAGE, before):
        yield from page
        before = page[-1].number
        if since is not None and (page[-1].created or since) < since:
            return


def _first_since(broker: Any, moment: float) -> int:
    """Return the number of the first job that was enqueued at ``moment`` or later: a search by halves, without an index."""
    low, high = 0, min(broker.snapshot().newest, sys.maxsize - 2) + 1
    while high - low > 1:
        middle = (low + high) // 2
        found = broker.find({}, 1, middle + 1)
        if found and (found[0].created or 0.0) >= moment:
            high = max(found[0].number, low + 1)
        else:
            low = middle
    return int(high)


def _applies(selection: Selection, job: Job, now: float) -> bool:
    age = now - (job.created or now)
    return (
        (not selection.states or job.state in selection.states)
        and selection.task in (None, job.task)
        and selection.queue in (None, job.queue)
        and (selection.older_than is None or age >= selection.older_than)
        and (selection.newer_than is None or age <= selection.newer_than)
    )


# -- of one job ----------------------------------------------------------------------------------------------------------------


def worker_name(app: Celery, job: Job) -> str | None:
    """Return the name of the worker of a job."""
    return worker_names(app, (job,))[job.id]


def worker_names(app: Celery, jobs: Sequence[Job]) -> dict[str, str | None]:
    """Return the names of the workers of jobs, by the jobs' ids: while one runs, the store knows the worker's own id only."""
    names: dict[str | None, str] = {}
    if any(job.state is State.RUNNING for job in jobs):
        names = {worker.id: worker.name for worker in app.broker().workers()}
    return {job.id: names.get(job.worker, job.worker) for job in jobs}


class Relatives(msgspec.Struct, kw_only=True):
    """The ids of the jobs that have to do with one."""

    children: list[str]
    """Those that it enqueued, the oldest first; of the newest hundred of its family."""
    retry_of: str | None
    retried_as: str | None


def relatives(app: Celery, job: Job) -> Relatives:
    """Return the jobs that this one enqueued, the retry of it by hand, and what it is a retry of."""
    family: list[Job] = app.broker().find({"root": job.root or job.id}, FAMILY)
    children = [each.id for each in reversed(family) if each.parent == job.id and RETRY_OF not in (each.metadata or {})]
    again = retried_as(job)
    return Relatives(
        children=children,
        retry_of=(job.metadata or {}).get(RETRY_OF),
        retried_as=again if app.broker().get(again) is not None else None,
    )


# -- changing ------------------------------------------------------------------------------------------------------------------


class Changed(msgspec.Struct):
    """What became of some jobs: by id what was done, and by id why nothing was done."""

    done: dict[str, str] = msgspec.field(default_factory=dict)
    refused: dict[str, str] = msgspec.field(default_factory=dict)


def retry(app: Celery, jobs: Sequence[Job]) -> Changed:
    """Run ended jobs again, each as a new job linked to the old one, whose id is returned; let parked ones wait again.

    The id of a retry derives from that of the job it repeats, so a job is repeated once, however often somebody asks; to repeat
    it once more, repeat the retry.
    """
    changed = Changed()
    new: list[Job] = []
    for job in jobs:
        try:
            if job.state in TERMINAL:
                new.append(_retry_of(app, job))
                changed.done[job.id] = new[-1].id
            elif job.state is State.PARKED and app.broker().control(Unpark((job.id,))):
                changed.done[job.id] = job.id
            else:
                changed.refused[job.id] = _("It has not ended: it is {state}.").format(state=job.state.value)
        except CeleriacError as error:
            changed.refused[job.id] = str(error)
    if new:
        publish(app, new)
    return changed


def retried_as(job: Job) -> str:
    """Return the id that a retry of this job by hand has, or would have."""
    return derived_id(job.id, "retry by hand")


def _retry_of(app: Celery, job: Job) -> Job:
    """Return the new job. Raises ``CeleriacError`` for a job that was retried already, or that nobody should run."""
    id = retried_as(job)
    if app.broker().get(id) is not None:
        raise CeleriacError(_("It was retried already, as {id}.").format(id=id))
    if app.settings.signing_keys:  # what we sign anew, somebody with a key must have signed
        Signer(app.settings.signing_keys).verify(job, app.clock.wall())
    new = Job(
        id=id, task=job.task, queue=job.queue, payload=unsigned(job.payload), priority=job.priority, headers=job.headers,
        root=job.root or job.id, parent=job.id, unique_key=job.unique_key, concurrency_key=job.concurrency_key,
        fairness_key=job.fairness_key, metadata={RETRY_OF: job.id},
    )  # fmt: skip
    if new.payload.startswith(MARK) and app.cipher is not None:  # each job has a key of its own
        new.payload = app.cipher.encrypt(app.cipher.decrypt(new.payload, job.id, ARGUMENTS), id, ARGUMENTS)
    if app.signer is not None:
        new.payload = app.signer.sign(new, new.payload, new.queue)
    return new


def cancel(app: Celery, jobs: Sequence[Job], terminate: bool = False) -> Changed:
    """Cancel jobs; those that run only with ``terminate``. Without, a running one is only kept from being tried again."""
    changed = Changed()
    live = [job for job in jobs if job.state not in TERMINAL]
    if live:
        app.broker().control(Cancel(tuple(job.id for job in live), terminate))
    for job in jobs:
        if job.state in TERMINAL:
            changed.refused[job.id] = _("It has ended: it is {state}.").format(state=job.state.value)
        elif job.state is State.RUNNING and not terminate:
            changed.refused[job.id] = _("It runs, and is not tried again; --terminate ends it.")
        else:
            changed.done[job.id] = job.id
    return changed


def run_now(app: Celery, jobs: Sequence[Job]) -> Changed:
    """Let scheduled jobs wait, whatever their time is."""
    changed = Changed()
    for job in jobs:
        if app.broker().control(RunNow((job.id,))):
            changed.done[job.id] = job.id
        else:
            changed.refused[job.id] = _("It is not scheduled: it is {state}.").format(state=job.state.value)
    return changed


def delete(app: Celery, jobs: Sequence[Job]) -> Changed:
    """Delete the records of jobs that have ended, or are parked."""
    changed = Changed()
    parked = tuple(job.id for job in jobs if job.state is State.PARKED)
    if parked:
        app.broker().control(Cancel(parked))
    gone = [job for job in jobs if job.state not in LIVE]
    app.broker().forget([job.id for job in gone])
    changed.done = {job.id: job.id for job in gone}
    changed.refused = {
        job.id: _("It has not ended: it is {state}. Cancel it first.").format(state=job.state.value)
        for job in jobs
        if job.state in LIVE
    }
    return changed
