"""The base of a broker that adds something to another one: each method is handed on; a subclass replaces what it changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Self

from celeriac.engine.brokers.base import Command, Consequences, Found, Leader, Notifier, Snapshot, Verdict, WorkerInfo
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt, Outcome


class Delegating:
    """A broker and store over ``inner``, a whole engine. What only some have (``settling``, ``alias``) is found, too."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities

    def __getattr__(self, name: str) -> Any:
        # "inner" is not set yet where copying and unpickling ask. A subclass may change "settle" or "claim", which "exchange"
        # is both of: one that does not hands it on itself.
        if name in ("inner", "exchange"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def clone(self) -> Self:
        return type(self)(self.inner.clone())

    def leader(self, duty: str) -> Leader:
        leader: Leader = self.inner.leader(duty)
        return leader

    def notifier(self) -> Notifier:
        notifier: Notifier = self.inner.notifier()
        return notifier

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        self.inner.push(jobs)

    def join(self, worker: WorkerInfo, lease: float) -> None:
        self.inner.join(worker, lease)

    def enrol(self, worker: str, child: str) -> None:
        self.inner.enrol(worker, child)

    def claim(self, queues: Sequence[str], limit: int, child: str) -> list[Job]:
        jobs: list[Job] = self.inner.claim(queues, limit, child)
        return jobs

    def admit(self, jobs: Sequence[Job], apart: Mapping[str, float]) -> set[Token]:
        tokens: set[Token] = self.inner.admit(jobs, apart)
        return tokens

    def paced(self) -> dict[str, float]:
        tasks: dict[str, float] = self.inner.paced()
        return tasks

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        held: set[Token] = self.inner.begin(tokens, once)
        return held

    def release(self, tokens: Collection[Token]) -> int:
        return int(self.inner.release(tokens))

    def held(self, child: str) -> set[Token]:
        tokens: set[Token] = self.inner.held(child)
        return tokens

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        refused: set[Token] = self.inner.settle(outcomes)
        return refused

    # -- leases and rescue ---------------------------------------------------------------------------------------------------

    def renew(self, worker: str, lease: float) -> bool:
        return bool(self.inner.renew(worker, lease))

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        return int(self.inner.leave(worker, consequences))

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        return int(self.inner.rescue(child, begun, verdicts, limit, consequences))

    def promote(self, limit: int) -> float | None:
        until: float | None = self.inner.promote(limit)
        return until

    def control(self, command: Command) -> int:
        return int(self.inner.control(command))

    def doomed(self, worker: str) -> set[Token]:
        tokens: set[Token] = self.inner.doomed(worker)
        return tokens

    def backlog(self, queue: str, limit: int) -> int:
        return int(self.inner.backlog(queue, limit))

    # -- the store -----------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Job | None:
        job: Job | None = self.inner.get(id)
        return job

    def wait(self, id: str, timeout: float | None) -> Job | None:
        job: Job | None = self.inner.wait(id, timeout)
        return job

    def attempts(self, id: str) -> list[Attempt]:
        attempts: list[Attempt] = self.inner.attempts(id)
        return attempts

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        jobs: list[Job] = self.inner.find(where, limit, before)
        return jobs

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        found: Found = self.inner.search(where, limit, before, depth, text)
        return found

    def counts(self) -> dict[str, dict[State, int]]:
        counted: dict[str, dict[State, int]] = self.inner.counts()
        return counted

    def snapshot(self) -> Snapshot:
        snapshot: Snapshot = self.inner.snapshot()
        return snapshot

    def failures(self, seconds: float, limit: int) -> list[Job]:
        jobs: list[Job] = self.inner.failures(seconds, limit)
        return jobs

    def workers(self) -> list[WorkerInfo]:
        workers: list[WorkerInfo] = self.inner.workers()
        return workers

    def remember(self, job: Job, outcome: Outcome) -> None:
        self.inner.remember(job, outcome)

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        return bool(self.inner.report(token, progress))

    def forget(self, ids: Iterable[str]) -> int:
        return int(self.inner.forget(ids))

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        return int(self.inner.prune(ages, limit))

    def ended(self, limit: int, after: int = 0) -> tuple[list[Record], int]:
        found: tuple[list[Record], int] = self.inner.ended(limit, after)
        return found

    def drop(self, numbers: Sequence[int]) -> int:
        return int(self.inner.drop(numbers))
