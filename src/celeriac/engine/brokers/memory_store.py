"""Remembering: the store's half of the in-memory broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from celeriac.engine.brokers.base import Found, QueueInfo, Snapshot, WorkerInfo
from celeriac.engine.brokers.endings import worth_keeping
from celeriac.engine.brokers.memory_data import Entry, MemoryData, copied
from celeriac.engine.brokers.searching import by_finding
from celeriac.engine.clock import Clock
from celeriac.engine.job import LIVE, TERMINAL, Job, State, Token
from celeriac.engine.outcome import Attempt, Outcome

_FILTERS = frozenset({"queue", "task", "state", "root", "parent", "group"})
_SHOWN = frozenset({State.WAITING, State.SCHEDULED, State.RUNNING, State.PARKED})


class MemoryStore:
    """Remembers jobs and their results in this process."""

    def __init__(self, data: MemoryData, clock: Clock) -> None:
        self._data = data
        self._clock = clock

    def get(self, id: str) -> Job | None:
        """Return a copy of the whole record."""
        with self._data.lock:
            entry = self._data.find(id)
            return copied(entry.job) if entry else None

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record once the job has ended or is parked; None after ``timeout`` seconds, or for an unknown id."""
        with self._data.lock:
            if self._data.lock.wait_for(lambda: self._has_ended(id), timeout):
                return self.get(id)
            return None

    def _has_ended(self, id: str) -> bool:
        entry = self._data.find(id)
        return entry is not None and entry.job.state not in LIVE

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's ended attempts, the oldest first."""
        with self._data.lock:
            entry = self._data.find(id)
            return [msgspec.structs.replace(attempt) for attempt in entry.attempts] if entry else []

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """Return records, the newest first. Raises ``KeyError`` for a filter that does not exist."""
        if unknown := set(where) - _FILTERS:
            raise KeyError(*unknown)
        with self._data.lock:
            return [copied(entry.job) for entry in self._matching(where, limit, before)]

    def _matching(self, where: Mapping[str, Any], limit: int, before: int | None) -> list[Entry]:
        found: list[Entry] = []
        for number, entry in reversed(self._data.entries.items()):
            if len(found) >= limit:
                break
            if (before is None or number < before) and all(getattr(entry.job, name) == value for name, value in where.items()):
                found.append(entry)
        return found

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        """Return what fits of the next ``depth`` records."""
        return by_finding(self, where, limit, before, depth, text)

    def counts(self) -> dict[str, dict[State, int]]:
        """Return the number of jobs by queue and state, counted now."""
        counted: dict[str, dict[State, int]] = {}
        with self._data.lock:
            totals = Counter((entry.job.queue, entry.job.state) for entry in self._data.entries.values())
        for (queue, state), number in totals.items():
            counted.setdefault(queue, {})[state] = number
        return counted

    def backlog(self, queue: str, limit: int) -> int:
        """Return how many jobs of a queue wait, ``limit`` at most."""
        with self._data.lock:
            waiting = [entry for entry in self._data.entries.values() if entry.job.state is State.WAITING]
        return min(sum(entry.job.queue == queue for entry in waiting), limit)

    def snapshot(self) -> Snapshot:
        """Return what is to be done."""
        with self._data.lock:
            queues = {name: QueueInfo(name=name, paused=True) for name in self._data.paused}
            for job in (entry.job for entry in self._data.entries.values()):
                if job.state in _SHOWN:
                    _add(queues.setdefault(job.queue, QueueInfo(name=job.queue)), job)
            newest = max(self._data.entries, default=0)
        return Snapshot(time=self._clock.wall(), newest=newest, queues=[queues[name] for name in sorted(queues)])

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """Return the jobs that failed within the last ``seconds``, the latest first."""
        since = self._clock.wall() - seconds
        with self._data.lock:
            jobs = [entry.job for entry in self._data.entries.values() if entry.job.state is State.FAILED]
            found = sorted((job for job in jobs if (job.finished or 0) >= since), key=lambda job: -(job.finished or 0))
            return [copied(job) for job in found[:limit]]

    def workers(self) -> list[WorkerInfo]:
        """Return the living workers, in the order of their names."""
        now = self._clock.wall()
        with self._data.lock:
            living = [
                msgspec.structs.replace(worker.info, lease=worker.lease)
                for worker in self._data.workers.values()
                if worker.lease >= now
            ]
        return sorted(living, key=lambda info: info.name)

    def remember(self, job: Job, outcome: Outcome) -> None:
        """Keep the record of a job that has run without being enqueued."""
        with self._data.lock:
            if self._data.find(job.id) is not None:
                return
            ended = msgspec.structs.replace(
                job, state=outcome.state, run_at=None, attempts=job.attempts + outcome.counts, progress=outcome.progress,
                started=outcome.started, finished=outcome.finished, result=outcome.result, worker=outcome.worker,
            )  # fmt: skip
            self._data.accept(ended, outcome.finished)
            if worth_keeping(outcome):
                self._data.entries[self._data.numbers[job.id]].attempts.append(attempt_of(ended.attempts, outcome))

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        """Replace the progress of a running job. False where the claim is lost."""
        with self._data.lock:
            entry = self._data.holder(token)
            if entry is None:
                return False
            entry.job = msgspec.structs.replace(entry.job, progress=progress)
            entry.job = copied(entry.job)
            return True

    def forget(self, ids: Iterable[str]) -> int:
        """Delete the records of ended jobs. A parked one has not ended: it is cancelled first."""
        with self._data.lock:
            entries = [entry for id in dict.fromkeys(ids) if (entry := self._data.find(id)) and entry.job.state in TERMINAL]
            return self._delete(entries)

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """Delete up to ``limit`` ended jobs older than their state's age in seconds, the oldest arrivals first."""
        now = self._clock.wall()
        with self._data.lock:
            old = [entry for entry in self._data.entries.values() if self._is_older(entry.job, ages, now)]
            return self._delete(old[:limit])

    def _is_older(self, job: Job, ages: Mapping[State, float], now: float) -> bool:
        age = ages.get(job.state)
        return age is not None and job.state in TERMINAL and job.finished is not None and job.finished < now - age

    def _delete(self, entries: list[Entry]) -> int:
        for entry in entries:
            self._data.delete(entry)
        return len(entries)


def _add(queue: QueueInfo, job: Job) -> None:
    """Count a live or parked job."""
    setattr(queue, job.state.value, getattr(queue, job.state.value) + 1)
    if job.state is State.WAITING and queue.oldest is None:  # entries are in the order of arrival
        queue.oldest = max(job.created or 0.0, job.run_at or 0.0)


def attempt_of(index: int, outcome: Outcome) -> Attempt:
    """Return what is remembered of an attempt."""
    return Attempt(
        index=index, state=outcome.state, started=outcome.started, finished=outcome.finished,
        worker=outcome.worker, failure=outcome.failure, log=outcome.log,
    )  # fmt: skip
