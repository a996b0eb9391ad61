"""The seams between the engine and the systems that move and remember jobs: narrow, batch-first, synchronous.

An implementation passes ``celeriac.testing.conformance``. Its methods are called by one thread at a time per instance: a
process that needs a second connection calls ``clone()``. Every method bounds its own waiting (a few seconds) and raises
``BrokerUnavailable`` when the server does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import msgspec

from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt, Failure, Outcome


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker can do by its nature. Shown in the start-up text and checked by the conformance suite."""

    transactional: bool = False
    """A job enqueued inside the caller's transaction exists when and only when that commits."""
    durable: bool = True
    """An accepted job survives the death of every process."""
    delay: bool = True
    priority: bool = True
    inspect: bool = True
    wakes: bool = True
    """An idle worker is woken by a new job, rather than finding it by polling."""
    ordered: bool = True
    """Numbers are in the order of arrival throughout, so that an age is a range of them."""


class WorkerInfo(msgspec.Struct, kw_only=True):
    """One running worker, as the broker and the dashboard know it. ``id`` is a random boot id, never reused."""

    id: str
    name: str
    host: str
    pid: int
    pool: str
    concurrency: int
    queues: list[str]
    version: str = ""
    started: float | None = None
    """When it joined, on the broker's clock: seconds since 1970 UTC. None before."""
    lease: float | None = None
    """Until when it is taken for alive, on the same clock."""


class QueueInfo(msgspec.Struct, kw_only=True):
    """What is in one queue now. Ended jobs are in none."""

    name: str
    waiting: int = 0
    scheduled: int = 0
    running: int = 0
    parked: int = 0
    paused: bool = False
    oldest: float | None = None
    """Of the waiting job that arrived first: when it was enqueued or was due, whichever came later. Seconds since 1970 UTC."""


class Snapshot(msgspec.Struct, kw_only=True):
    """What is to be done, at one moment. Two of them tell how fast jobs come and go."""

    time: float
    """When it was taken, on the broker's clock: seconds since 1970 UTC."""
    newest: int
    """The number of the newest job. Numbers are given in the order of arrival; some may have been left out."""
    queues: list[QueueInfo]
    """The queues that have a live or parked job, or are paused, in the order of their names."""


class Found(msgspec.Struct, kw_only=True):
    """What a part of a search found."""

    jobs: list[Job] = msgspec.field(default_factory=list)
    """Whole records, the newest first."""
    before: int | None = None
    """Where the next part begins. None: there is nothing older."""
    reached: float | None = None
    """When the oldest record that was looked at was enqueued: seconds since 1970 UTC."""


class Verdict(msgspec.Struct, kw_only=True, frozen=True):
    """Why the master killed a child over one job: that job ends so, instead of running again."""

    token: Token
    state: State
    failure: Failure
    started: float
    """When the attempt began: seconds since 1970 UTC."""
    worker: str
    """The name of the worker that ran it."""


Consequences = Callable[[Job, Failure], Sequence[Job]]
"""Returns the jobs that follow a job, given whole, which the broker itself fails. Called inside the broker's operation, perhaps
more than once: it neither raises nor uses the broker, and gives what it returns the same ids each time."""


class Cancel(msgspec.Struct, frozen=True):
    """Cancel these jobs. A running one is ended only with ``terminate``; without, it is not to start again.

    One that is claimed and has not begun runs where its turn comes at once, and is cancelled where it would go back to wait.
    """

    ids: tuple[str, ...]
    terminate: bool = False


class Pause(msgspec.Struct, frozen=True):
    """Stop handing out jobs of these queues. What runs goes on."""

    queues: tuple[str, ...]


class Resume(msgspec.Struct, frozen=True):
    """Hand out jobs of these queues again."""

    queues: tuple[str, ...]


class Purge(msgspec.Struct, frozen=True):
    """Cancel every waiting and scheduled job of these queues."""

    queues: tuple[str, ...]


class Unpark(msgspec.Struct, frozen=True):
    """Let parked jobs wait again, with their charges forgotten: by id or, where ``ids`` is empty, by task."""

    ids: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


class RunNow(msgspec.Struct, frozen=True):
    """Let these scheduled jobs wait, whatever their time is."""

    ids: tuple[str, ...]


class Pace(msgspec.Struct, frozen=True):
    """Let at least ``apart`` seconds lie between two starts of a task's jobs, from now on and everywhere.

    0: no limit. None: what the code says, again.
    """

    task: str
    apart: float | None


Command = Cancel | Pause | Resume | Purge | Unpark | RunNow | Pace


class Broker(Protocol):
    """Moves jobs. Each claimed job is fenced by its token; whoever lost the claim changes nothing."""

    capabilities: Capabilities

    def open(self) -> None:
        """Connect now rather than at the first call. Raises ``BrokerUnavailable`` or ``SchemaMissing``."""

    def close(self) -> None:
        """Let go of every connection. The broker may be used again afterwards."""

    def leader(self, duty: str) -> Leader:
        """Return the election of one duty."""

    def notifier(self) -> Notifier:
        """Return the notifier that belongs to this broker's connection."""

    def clone(self) -> Self:
        """Return an unopened broker on the same data, for another thread."""

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs: ``waiting`` ones, or ``scheduled`` ones with ``run_at``. A job whose id exists is left as it is."""

    def join(self, worker: WorkerInfo, lease: float) -> None:
        """Make a worker known, with a lease of ``lease`` seconds from now on the broker's clock."""

    def enrol(self, worker: str, child: str) -> None:
        """Make a child of a worker known. Only a known, living child can claim. Raises ``LeaseLost`` for a dead worker."""

    def claim(self, queues: Sequence[str], limit: int, child: str) -> list[Job]:
        """Take up to ``limit`` waiting jobs, the most urgent first, under the lease of the child's worker. Never blocks.

        Higher priority first, then in the order of arrival; queues in the order given. Raises ``ChildIsDead`` for a child
        that was declared dead.
        """

    def admit(self, jobs: Sequence[Job], apart: Mapping[str, float]) -> set[Token]:
        """Let jobs that were just claimed, of tasks with a rate limit, take their turns. Returns the tokens that may begin.

        A task's turns are ``apart`` seconds from each other (what ``Pace`` said wins), on the broker's clock, over all workers.
        A job whose turn has not come is scheduled for it, uncharged and without an attempt; claimed again then, it may begin.
        So are up to 1000 more that wait behind it in its queue, lest they be claimed in vain. A retry takes a new turn.
        """

    def paced(self) -> dict[str, float]:
        """Return the tasks for which ``Pace`` set a rate, and the seconds between two of their starts; 0: no limit."""

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        """Record that these bodies start: from here on their jobs are charged for their child's death.

        With ``once`` a begun job is never run again by a rescue: it fails instead (at most once). Returns the tokens still
        held.
        """

    def release(self, tokens: Collection[Token]) -> int:
        """Give claimed jobs back to wait, uncharged; those that have begun, or are no longer held so, stay.

        One that somebody cancelled meanwhile ends so. Returns how many went.
        """

    def held(self, child: str) -> set[Token]:
        """Return the tokens of everything the broker believes ``child`` holds."""

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        """Record outcomes and end their claims, all in one atomic operation. Returns the tokens refused: claim lost.

        A retry that is due already may wait at once; its charges are forgotten. One that somebody cancelled meanwhile ends so.
        """

    def renew(self, worker: str, lease: float) -> bool:
        """Extend a worker's lease. False means it was declared dead: stop everything."""

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        """A worker goes: mark it and its children dead and give back what they still hold, uncharged.

        As in a rescue, a begun at-most-once job fails, and one that somebody cancelled ends so.
        """

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        """Declare ``child`` dead, or without it every worker whose lease ran out, and return their jobs.

        In one operation: the dead are marked first, so that a claim still in flight gets nothing. ``verdicts`` end their
        jobs. A begun job (marked at the broker, or listed in ``begun``) is charged; at ``limit`` charges it is parked.
        Without a ``limit`` nobody is charged: the death was no job's fault. With each job that fails here, by a verdict or as
        an at-most-once job, its ``consequences`` are pushed. Returns how many jobs were taken from the dead.
        """

    def promote(self, limit: int) -> float | None:
        """Let up to ``limit`` due jobs wait. Returns the seconds until the next is due, or None when nothing is scheduled."""

    def control(self, command: Command) -> int:
        """Carry out ``command``; return how many jobs or queues it changed."""

    def doomed(self, worker: str) -> set[Token]:
        """Return the tokens of ``worker``'s running jobs that somebody asked to terminate."""

    def backlog(self, queue: str, limit: int) -> int:
        """Return how many jobs of a queue wait, counting no further than ``limit``. Cheap enough to be asked often."""


class Notifier(Protocol):
    """Wakes idle claimers. A lost wake-up costs at most one polling interval, never a job."""

    def fileno(self) -> int:
        """A descriptor that is readable when there may be work, or -1 where there is only polling."""

    def watch(self) -> None:
        """Receive what is meant for keepers: a job due soon, a cancellation."""

    def arm(self, child: str, queues: Sequence[str]) -> None:
        """Publish that ``child`` is idle. The caller claims once more before it sleeps."""

    def disarm(self, child: str) -> None:
        """Withdraw it."""

    poll_every: float
    """Seconds until the next call of ``changed`` while idle. Each may set it anew."""

    def drain(self) -> bool:
        """Forget wake-ups received so far. Returns whether there were any, also where the descriptor did not show them."""

    def changed(self) -> bool:
        """Poll cheaply: may there be new work since the last call?"""


class Leader(Protocol):
    """Chooses one keeper for upkeep. Correctness never rests on it."""

    def acquire(self, holder: str, seconds: float) -> bool:
        """Become or stay the leader for ``seconds``. Returns whether ``holder`` leads."""

    def release(self, holder: str) -> None:
        """Stop leading, if leading."""


class Store(Protocol):
    """Remembers jobs and their results."""

    def get(self, id: str) -> Job | None:
        """Return the whole record, or None for an unknown id."""

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record once it is terminal or parked; None when ``timeout`` seconds passed first. Woken, not polled."""

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's ended attempts, the oldest first."""

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """Return records, the newest first, that equal each of ``where`` and are older than ``before``.

        Filters: queue, task, state, root, parent, group.
        """

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        """Return records, the newest first, that equal each of ``where``, are older than ``before`` and mention ``text``.

        Unlike ``find``, it looks at about ``depth`` records at most, so a page of a list takes no longer the more jobs there
        are. Filters: queue, task, state. A text is mentioned where the id begins with it, or the task's name or the payload
        has it, as it is written.
        """

    def counts(self) -> dict[str, dict[State, int]]:
        """Return the number of jobs by queue and state, counted now."""

    def snapshot(self) -> Snapshot:
        """Return what waits, is scheduled, runs or is parked. However many jobs have ended, it takes no longer."""

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """Return up to ``limit`` records of jobs that failed within the last ``seconds``, the latest first.

        A store may look at its last 10,000 ended attempts only.
        """

    def workers(self) -> list[WorkerInfo]:
        """Return the living workers, whose leases have not run out, in the order of their names."""

    def remember(self, job: Job, outcome: Outcome) -> None:
        """Keep the record of a job that has run without being enqueued, with what its last attempt ended in.

        ``outcome.state`` is terminal; its token means nothing. A job whose id exists is left as it is.
        """

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        """Replace the progress of a running job. False where the claim is lost."""

    def forget(self, ids: Iterable[str]) -> int:
        """Delete the records of ended jobs. What is live or parked is left alone."""

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """Delete up to ``limit`` ended jobs in all, older than their state's age in seconds.

        States not named are kept, and so is what is live or parked. What is left of workers long gone goes in any case.
        """


class Exchanging(Protocol):
    """A broker that settles and claims in one operation, which a child then asks for in place of both."""

    def exchange(
        self, outcomes: Sequence[Outcome], queues: Sequence[str], limit: int, child: str
    ) -> tuple[set[Token], list[Job]]:
        """As ``settle``, then as ``claim``. Returns the tokens refused, and the jobs.

        Raises ``ChildIsDead`` for a child that was declared dead: then all its outcomes are refused.
        """
