"""The cast of the suites: jobs, workers, children, and what their attempts end in."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from celeriac.engine.brokers.base import Broker, Store, Verdict, WorkerInfo
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure, Outcome

PATIENCE = 30.0
"""Seconds after which something that must happen counts as never happening. Only a failing test waits that long."""

LONG = 3_600.0
"""A lease in seconds that outlives every test."""

RUN_OUT = -60.0
"""A lease in seconds that has run out the moment it is given, on whichever clock the broker has."""

QUEUE = "default"


class Engine(Broker, Store, Protocol):
    """A broker and store in one, as the suites drive it."""


MakeEngine = Callable[[], Engine]


def a_job(id: str = "", **fields: Any) -> Job:
    """Return a waiting job, with a random id unless one is given."""
    defaults: dict[str, Any] = {"task": "shop.tasks.pack", "queue": QUEUE, "payload": b"[[],{},{}]"}
    return Job(id=id or uuid.uuid4().hex, **{**defaults, **fields})


def some_jobs(number: int, **fields: Any) -> list[Job]:
    """Return ``number`` waiting jobs, to be pushed in this order."""
    return [a_job(**fields) for _ in range(number)]


def a_scheduled_job(seconds: float, **fields: Any) -> Job:
    """Return a job that is due in ``seconds`` (negative: was due)."""
    return a_job(state=State.SCHEDULED, run_at=time.time() + seconds, **fields)


def a_worker(broker: Engine, lease: float = LONG) -> str:
    """Make a worker known. Returns its id."""
    info = WorkerInfo(
        id=uuid.uuid4().hex, name="fig@tree", host="tree", pid=4711, pool="prefork", concurrency=2, queues=[QUEUE]
    )
    broker.join(info, lease)
    return info.id


def a_child(broker: Engine, worker: str | None = None, lease: float = LONG) -> str:
    """Make a child known: of ``worker``, or of a new worker with this ``lease``. Returns its id."""
    child = uuid.uuid4().hex
    broker.enrol(worker or a_worker(broker, lease), child)
    return child


def claim_one(broker: Engine, child: str, queue: str = QUEUE) -> Job:
    """Claim the next job of ``queue``, which must have one."""
    jobs = broker.claim([queue], 1, child)
    assert len(jobs) == 1, f"the queue {queue!r} gave {len(jobs)} jobs instead of one"
    return jobs[0]


def drain(broker: Engine, child: str, queue: str, batch: int) -> list[str]:
    """Claim until the queue gives nothing more; return the ids in the order they came."""
    taken: list[str] = []
    while jobs := broker.claim([queue], batch, child):
        taken += ids(jobs)
        assert len(taken) < 5_000, "the queue never gets empty"
    return taken


def ids(jobs: Sequence[Job]) -> list[str]:
    """Return the jobs' ids, in their order."""
    return [job.id for job in jobs]


def claim_some(broker: Engine, number: int, child: str) -> list[Job]:
    """Push ``number`` jobs and claim them all."""
    broker.push(some_jobs(number))
    jobs = broker.claim(["default"], number, child)
    assert len(jobs) == number
    return jobs


def charges_of(broker: Engine, job: Job) -> int:
    """Return how many deaths the job is charged for."""
    return known(broker, job.id).charges


def an_outcome(job: Job, state: State = State.SUCCEEDED, **fields: Any) -> Outcome:
    """Return what an attempt of a claimed job ended in, a moment ago."""
    now = time.time()
    defaults: dict[str, Any] = {"token": job.token, "state": state, "started": now - 0.25, "finished": now}
    return Outcome(**{**defaults, **fields})


def ended_job(broker: Engine, state: State = State.SUCCEEDED, age: float = 0.0, **fields: Any) -> Job:
    """Push a job and end it, ``age`` seconds ago."""
    job = a_job(queue="ended", **fields)
    broker.push([job])
    claimed = claim_one(broker, a_child(broker), "ended")
    finished = time.time() - age
    assert broker.settle([an_outcome(claimed, state, started=finished - 1, finished=finished)]) == set()
    return claimed


def a_failure(message: str = "no string left") -> Failure:
    """Return a failure as an attempt reports it."""
    return Failure(type="ValueError", module="builtins", message=message, traceback=f"Traceback ...\nValueError: {message}")


def a_verdict(job: Job, state: State = State.FAILED, failure: Failure | None = None) -> Verdict:
    """Return the end of a claimed job that has run for two seconds, and over which its child was killed."""
    return Verdict(token=job.token, state=state, failure=failure or a_failure(), started=time.time() - 2.0, worker="fig@tree")


def known(broker: Engine, id: str) -> Job:
    """Return the record of a job that must exist."""
    job = broker.get(id)
    assert job is not None, f"the job {id!r} is gone"
    return job


def state_of(broker: Engine, job: Job) -> State:
    """Return the state that the store has for a job, which must exist."""
    return known(broker, job.id).state


def later(job: Job, **fields: Any) -> Job:
    """Return a changed copy."""
    return msgspec.structs.replace(job, **fields)


class Actor(threading.Thread):
    """A thread that keeps what its function returned or raised, so that neither gets lost."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._act = act
        self._returned: Any = None
        self._raised: BaseException | None = None

    def run(self) -> None:
        """Call the function."""
        try:
            self._returned = self._act()
        except BaseException as error:  # noqa: BLE001 - raised again by finish(), in the test's own thread
            self._raised = error

    def finish(self) -> Any:
        """Wait for the function to end; return or raise what it did. Fails after ``PATIENCE`` seconds."""
        self.join(PATIENCE)
        assert not self.is_alive(), f"a thread was still busy after {PATIENCE:g} s"
        if self._raised is not None:
            raise self._raised
        return self._returned


def start(act: Callable[[], Any]) -> Actor:
    """Start a thread."""
    actor = Actor(act)
    actor.start()
    return actor


@contextmanager
def another(make_broker: MakeEngine) -> Iterator[Engine]:
    """Open one more connection for the calling thread; close it afterwards, in the same thread."""
    broker = make_broker()
    try:
        yield broker
    finally:
        broker.close()
