"""Broker and store on Redis or Valkey. Every change is one script, so it happens wholly or not at all.

One instance serves one thread of a worker, or all callers of a process: the client's pool gives each thread a connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from celeriac.engine.brokers.base import (
    Cancel,
    Capabilities,
    Command,
    Consequences,
    Found,
    Pace,
    Pause,
    Purge,
    Resume,
    RunNow,
    Snapshot,
    Unpark,
    Verdict,
    WorkerInfo,
)
from celeriac.engine.brokers.endings import check_states, judged, lost, poisonous, unwanted
from celeriac.engine.brokers.redis import store
from celeriac.engine.brokers.redis.address import Address, hidden
from celeriac.engine.brokers.redis.connection import connect
from celeriac.engine.brokers.redis.encoding import claimed_jobs, failure_text, judgement, packed, pushed, settled, to_json
from celeriac.engine.brokers.redis.leader import RedisLeader
from celeriac.engine.brokers.redis.notifier import RedisNotifier
from celeriac.engine.brokers.redis.outages import typed_errors
from celeriac.engine.brokers.redis.scripts import Scripts
from celeriac.engine.brokers.redis.server import examine
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.brokers.turns import AHEAD
from celeriac.engine.errors import ChildIsDead, LeaseLost
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt, Failure, Outcome

T = TypeVar("T")
PART = 500
"""Jobs a script takes at once: a longer one would keep everybody else waiting."""


def _reason(outcome: Outcome) -> Failure:
    assert outcome.failure is not None
    return outcome.failure


_NOBODY = Token(0, "", 0)
_LOST = _reason(lost(_NOBODY, 0, 0))
FAILURES = (
    failure_text(_LOST),
    failure_text(_reason(poisonous(_NOBODY, 0, 0, 424242))).replace(b"424242", b"@CHARGES@"),
    failure_text(_reason(unwanted(_NOBODY, 0))),
)
"""How a job ends that was lost, that is poisonous, that nobody wants: what a script decides by itself."""


class RedisBroker:
    """Moves and remembers jobs on a Redis or Valkey server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address = Address(url)
        self.prefix = self.address.prefix
        self.capabilities = Capabilities()
        self.warnings: tuple[str, ...] = ()
        """What the start-up text says about the server. Known once it was opened."""
        self._client: Any = None
        self._scripts = Scripts(self.prefix)
        self._notifier = RedisNotifier(self)
        self._waiters = threading.local()
        if not self.address.is_cluster:
            self._client = connect(self.address)  # no connection yet: what is wrong with the URL is said at once

    @property
    def client(self) -> Any:
        """The client of redis-py. That of a Cluster is made by its first use, since it asks for the nodes."""
        if self._client is None:
            self._client = connect(self.address)
        return self._client

    def open(self) -> None:
        """Connect now. Raises ``BrokerUnavailable``, and ``ImproperlyConfigured`` for a server that would lose jobs."""
        self.warnings = self.do(lambda client: examine(client, hidden(self.url)))

    def close(self) -> None:
        """Let go of every connection."""
        self._notifier.close()
        self.waiter().close()
        if self._client is not None:
            self._client.close()

    def clone(self) -> RedisBroker:
        """Return a broker on the same data, with connections of its own."""
        return RedisBroker(self.url)

    def notifier(self) -> RedisNotifier:
        """Return this instance's notifier."""
        return self._notifier

    def waiter(self) -> RedisNotifier:
        """Return the notifier by which this thread waits for results: it keeps its connection, since many wait again."""
        if not hasattr(self._waiters, "notifier"):
            self._waiters.notifier = RedisNotifier(self)
        notifier: RedisNotifier = self._waiters.notifier
        return notifier

    def leader(self, duty: str) -> RedisLeader:
        """Return the election of one duty."""
        return RedisLeader(self, duty)

    # -- running commands --------------------------------------------------------------------------------------------------

    def typed(self) -> AbstractContextManager[None]:
        """Return a block in which the driver's errors become ours."""
        return typed_errors(self.url)

    def do(self, action: Callable[[Any], T]) -> T:
        """Run plain commands on the client."""
        with self.typed():
            return action(self.client)

    def call(self, script: str, *arguments: Any) -> Any:
        """Run one script."""
        with self.typed():
            return self._scripts.call(self.client.execute_command, script, *arguments)

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs; one whose id exists is left as it is."""
        if len(jobs) == 1 and jobs[0].state is State.WAITING and not jobs[0].attempts:
            job = jobs[0]
            self.call("pushone", job.id, job.queue, job.priority, packed(job))
            return
        for start in range(0, len(jobs), PART):
            self.call("push", *pushed(jobs[start : start + PART]))

    def join(self, worker: WorkerInfo, lease: float) -> None:
        """Make a worker known."""
        self.call("join", worker.id, to_json(worker), lease)

    def enrol(self, worker: str, child: str) -> None:
        """Make a child known. Raises ``LeaseLost`` for a dead worker."""
        if not self.call("enrol", worker, child):
            raise LeaseLost(f"The worker {worker} was declared dead; it cannot start another child.")

    def claim(self, queues: Sequence[str], limit: int, child: str) -> list[Job]:
        """Take up to ``limit`` waiting jobs. Raises ``ChildIsDead``."""
        return _claimed(self.call("claim", child, min(limit, PART), *queues), child)

    def admit(self, jobs: Sequence[Job], apart: Mapping[str, float]) -> set[Token]:
        """Let claimed jobs of tasks with a rate limit take their turns. Returns the tokens that may begin."""
        may: set[Token] = set()
        for task in sorted({job.task for job in jobs}):
            tokens = [job.token for job in jobs if job.task == task]
            places = self.call("admit", task, apart.get(task, 0.0), AHEAD, *_flat(tokens))
            may.update(tokens[place] for place in places)
        return may

    def paced(self) -> dict[str, float]:
        """Return the tasks whose rate somebody set, and the seconds between their starts."""
        rates = self.do(lambda client: client.hgetall(f"{self.prefix}rates"))
        return {task.decode(): float(rate.split()[1]) for task, rate in rates.items() if not rate.endswith(b" -")}

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        """Record that bodies start. Returns the tokens still held."""
        listed = list(tokens)
        return {listed[place] for place in self.call("begin", int(once), *_flat(listed))} if listed else set()

    def release(self, tokens: Collection[Token]) -> int:
        """Give claimed jobs back that have not begun. Returns how many went."""
        return int(self.call("release", FAILURES[-1], *_flat(sorted(tokens)))) if tokens else 0

    def held(self, child: str) -> set[Token]:
        """Return the tokens of everything ``child`` holds."""
        flat = self.call("held", child)
        return {Token(int(number), child, int(delivery)) for number, delivery in zip(flat[::2], flat[1::2], strict=True)}

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        """Record outcomes and end their claims. Raises ``ValueError``, with nothing changed, for a state no attempt ends in."""
        check_states(outcomes)
        if not outcomes:
            return set()
        refused = self.call("settle", *settled(outcomes))
        return {outcomes[place].token for place in refused}

    def exchange(
        self, outcomes: Sequence[Outcome], queues: Sequence[str], limit: int, child: str
    ) -> tuple[set[Token], list[Job]]:
        """Settle, then claim, in one operation. Raises as both do; where the child is dead, all outcomes are refused."""
        check_states(outcomes)
        refused, taken = self.call("exchange", *settled(outcomes), child, min(limit, PART), *queues)
        return {outcomes[place].token for place in refused}, _claimed(taken, child)

    # -- leases and rescue ---------------------------------------------------------------------------------------------------

    def renew(self, worker: str, lease: float) -> bool:
        """Extend a worker's lease. False means it was declared dead."""
        return bool(self.call("renew", worker, lease))

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        """A worker goes: give back what its children hold, uncharged."""
        return self._rescue(["", worker, "", *FAILURES, 0], (), consequences)

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        """Declare ``child`` dead, or every worker whose lease ran out. Returns how many jobs were taken from the dead."""
        tokens = [argument for token in begun for argument in (token.number, token.delivery)]
        request = [child or "", "", "" if limit is None else limit, *FAILURES, len(begun), *tokens]
        return self._rescue(request, verdicts, consequences)

    def _rescue(self, request: list[Any], verdicts: Collection[Verdict], consequences: Consequences | None) -> int:
        now = time.time()
        ends = [argument for verdict in verdicts for argument in judgement(judged(verdict, now))]
        request += [len(verdicts), *ends]
        if consequences is None:
            return int(self.call("rescue", *request, -1))
        return self._rescue_with(request, {verdict.token.number: verdict.failure for verdict in verdicts}, consequences)

    def _rescue_with(self, request: list[Any], reasons: Mapping[int, Failure], consequences: Consequences) -> int:
        """Build what follows the jobs that the script will fail, from their records; until it names no more of them."""
        prepared: dict[int, tuple[bytes, bytes]] = {}
        while True:
            follow_ups = [part for number, jobs in prepared.items() for part in (number, *jobs)]
            answer = self.call("rescue", *request, len(prepared), *follow_ups)
            if isinstance(answer, int):
                return answer
            numbers = [int(number) for number in answer]
            prepared.update((number, (b"", b"")) for number in numbers)  # also those whose record is gone
            for job in store.records(self, numbers):
                prepared[job.number] = pushed(consequences(job, reasons.get(job.number, _LOST)))

    def promote(self, limit: int) -> float | None:
        """Let up to ``limit`` due jobs wait. Returns the seconds until the next is due, or None."""
        until = self.call("promote", limit)
        return None if until is None else float(until)

    # -- control -------------------------------------------------------------------------------------------------------------

    def control(self, command: Command) -> int:
        """Carry out ``command``; return how many jobs or queues it changed."""
        match command:
            case Cancel():
                return int(self.call("cancel", int(command.terminate), *command.ids)) if command.ids else 0
            case Pause():
                return int(self.do(lambda client: client.sadd(f"{self.prefix}paused", *command.queues)))
            case Resume():
                return int(self.call("resume", *command.queues))
            case Purge():
                return store.purge(self, command.queues)
            case Unpark():
                return self._unpark(command)
            case RunNow():
                numbers = store.numbers_of(self, command.ids)
                return int(self.call("runnow", *numbers)) if numbers else 0
            case Pace():
                return int(self.call("pace", command.task, "" if command.apart is None else command.apart))

    def _unpark(self, command: Unpark) -> int:
        if command.ids:
            numbers = store.numbers_of(self, command.ids)
        else:
            parked = self.do(lambda client: client.smembers(f"{self.prefix}parked"))
            numbers = store.of_tasks(self, sorted(map(int, parked)), command.tasks)
        return int(self.call("unpark", *numbers)) if numbers else 0

    def doomed(self, worker: str) -> set[Token]:
        """Return the tokens of ``worker``'s running jobs that somebody asked to terminate."""
        flat = self.call("doomed", worker)
        triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        return {Token(int(number), child.decode(), int(delivery)) for number, child, delivery in triples}

    def backlog(self, queue: str, limit: int) -> int:
        """Return how many jobs of a queue wait, ``limit`` at most."""
        return min(int(self.do(lambda client: client.zcard(f"{self.prefix}w:{queue}"))), limit)

    # -- the store -----------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Job | None:
        """Return the whole record."""
        return store.get(self, id)

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record once the job has ended or is parked; None after ``timeout`` seconds."""
        return store.wait(self, id, timeout)

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's ended attempts, the oldest first."""
        return store.attempts(self, id)

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """Return records, the newest first. Raises ``KeyError`` for a filter that does not exist."""
        return store.find(self, where, limit, before)

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        """Return what fits of the next ``depth`` records."""
        return store.search(self, where, limit, before, depth, text)

    def counts(self) -> dict[str, dict[State, int]]:
        """Return the number of jobs by queue and state."""
        return store.counts(self)

    def snapshot(self) -> Snapshot:
        """Return what is to be done."""
        return store.snapshot(self)

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """Return the jobs that failed within the last ``seconds``, the latest first."""
        return store.failures(self, seconds, limit)

    def workers(self) -> list[WorkerInfo]:
        """Return the living workers, in the order of their names."""
        return store.workers(self)

    def remember(self, job: Job, outcome: Outcome) -> None:
        """Keep the record of a job that has run without being enqueued."""
        store.remember(self, job, outcome)

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        """Replace the progress of a running job. False where the claim is lost."""
        return bool(self.call("report", *token, to_json(progress)))

    def forget(self, ids: Iterable[str]) -> int:
        """Delete the records of ended jobs."""
        numbers = store.numbers_of(self, ids)
        return int(self.call("forget", *numbers)) if numbers else 0

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """Delete up to ``limit`` ended jobs older than their state's age in seconds."""
        return store.prune(self, ages, limit)

    # -- ended jobs of a broker or of a result store that is elsewhere -----------------------------------------------------

    def ended(self, limit: int, after: int = 0) -> tuple[list[Record], int]:
        """Return the records of ended jobs; ``after`` is a place in the lists of them."""
        return store.ended(self, limit, after)

    def drop(self, numbers: Sequence[int]) -> int:
        """Delete the records of ended jobs by number."""
        return int(self.call("forget", *numbers)) if numbers else 0

    def keep(self, records: Sequence[Record]) -> set[str]:
        """Remember jobs that ended at a broker elsewhere."""
        return store.keep(self, records)


def _claimed(taken: Any, child: str) -> list[Job]:
    if taken is None:
        raise ChildIsDead(f"The broker has declared the child {child} dead; its jobs were given to others.")
    return claimed_jobs(taken, child)


def _flat(tokens: Sequence[Token]) -> list[Any]:
    return [part for token in tokens for part in token]
