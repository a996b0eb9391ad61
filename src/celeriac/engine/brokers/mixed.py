"""A broker whose jobs move to a result store elsewhere once they have ended (``engine/worker/resultmover.py`` moves them).

A job is written there before it is deleted here, so whoever looks here first and there second misses none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec

from celeriac.engine.brokers.base import Found
from celeriac.engine.brokers.delegating import Delegating
from celeriac.engine.brokers.endings import remembered
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.brokers.searching import by_finding
from celeriac.engine.job import TERMINAL, Job, State
from celeriac.engine.outcome import Attempt, Outcome

LOOK_EVERY = 1.0
"""Seconds between looks at the results while a job is waited for: one that is moved wakes nobody."""
AHEAD = 2**62
"""What is added to the numbers of the broker's jobs where they are read: in a list they come before the results."""


class MixedBroker(Delegating):
    """Moves jobs with the broker ``inner``; reads there, and of ended jobs in ``results`` too."""

    def __init__(self, inner: Any, results: ResultStore) -> None:
        super().__init__(inner)
        self.results = results
        both = inner.capabilities.inspect and results.capabilities.inspect
        self.capabilities = msgspec.structs.replace(inner.capabilities, inspect=both, ordered=False)

    @property
    def exchange(self) -> Any:
        """Settle and claim in one operation, where the broker does that."""
        return self.inner.exchange

    def close(self) -> None:
        """Let go of every connection of both."""
        super().close()
        self.results.close()

    def clone(self) -> Self:
        """Return an unopened broker on the same data, for another thread."""
        return type(self)(self.inner.clone(), self.results.clone())

    # -- one job -------------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Job | None:
        """Return the whole record, from wherever it is."""
        job = super().get(id)
        return self.results.get(id) if job is None else _ahead(job)

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's ended attempts, the oldest first."""
        return super().attempts(id) or self.results.attempts(id)

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record once the job has ended or is parked: woken by the broker's settle, or found among the results."""
        job = self._moved(self.results, id)
        if job is not None:
            return job
        deadline = None if timeout is None else time.monotonic() + timeout
        results: ResultStore | None = None
        try:
            while True:
                left = LOOK_EVERY if deadline is None else max(0.0, min(LOOK_EVERY, deadline - time.monotonic()))
                job = super().wait(id, left)
                if job is not None:
                    return _ahead(job)
                results = results or self.results.clone()  # the caller's transaction may not see what is written during it
                job = self._moved(results, id)
                if job is not None or left < LOOK_EVERY:
                    return job
        finally:
            if results is not None:
                results.close()

    def _moved(self, results: ResultStore, id: str) -> Job | None:
        """Return the result of a job that the broker does not know (any more)."""
        return results.get(id) if super().get(id) is None else None

    def remember(self, job: Job, outcome: Outcome) -> None:
        """Keep the record of a job that has run without being enqueued. A parked one waits for a person, at the broker."""
        if outcome.state not in TERMINAL:
            super().remember(job, outcome)
        elif self.get(job.id) is None:
            self.results.keep([remembered(job, outcome)])

    def forget(self, ids: Iterable[str]) -> int:
        """Delete the records of ended jobs, wherever they are."""
        listed = list(ids)
        return super().forget(listed) + self.results.forget(listed)

    # -- many jobs -----------------------------------------------------------------------------------------------------------

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """Return records: the broker's, the newest first, then those among the results, the newest first."""
        jobs = [] if before is not None and before <= AHEAD else self._here(where, limit, before)
        state = where.get("state")
        if len(jobs) >= limit or (state is not None and state not in TERMINAL):
            return jobs
        older = None if before is None or before > AHEAD else before
        here = {job.id for job in jobs}
        return jobs + [job for job in self.results.find(where, limit - len(jobs), older) if job.id not in here]

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        """Return what fits of the next ``depth`` records: the broker's, then those among the results."""
        return by_finding(self, where, limit, before, depth, text)

    def _here(self, where: Mapping[str, Any], limit: int, before: int | None) -> list[Job]:
        return [_ahead(job) for job in super().find(where, limit, None if before is None else before - AHEAD)]

    def counts(self) -> dict[str, dict[State, int]]:
        """Return the number of jobs by queue and state, of both. One that is moved just now counts twice."""
        counted = {queue: dict(states) for queue, states in super().counts().items()}
        for queue, states in self.results.counts().items():
            here = counted.setdefault(queue, {})
            for state in TERMINAL & states.keys():
                here[state] = here.get(state, 0) + states[state]
        return counted

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """Return the jobs that failed within the last ``seconds``, the latest first."""
        found = {job.id: job for job in (*self.results.failures(seconds, limit), *super().failures(seconds, limit))}
        return sorted(found.values(), key=lambda job: -(job.finished or 0.0))[:limit]

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """Delete up to ``limit`` old ended jobs, the broker's first."""
        gone = super().prune(ages, limit)
        return gone + self.results.prune(ages, limit - gone) if gone < limit else gone


def _ahead(job: Job) -> Job:
    job.number += AHEAD
    return job
