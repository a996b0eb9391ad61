"""The seam between a broker and a result store of another engine: ended jobs move, whole, from the one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

from celeriac.engine.brokers.base import Capabilities
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt


class Record(NamedTuple):
    """All that is remembered of a job."""

    job: Job
    attempts: list[Attempt]
    """What is kept of its ended attempts, the oldest first."""


class Movable(Protocol):
    """A broker whose ended jobs can be moved to a result store elsewhere. Until then it is their store itself."""

    def ended(self, limit: int, after: int = 0) -> tuple[list[Record], int]:
        """Return about ``limit`` records of ended jobs from the place ``after`` on (0: the first), about the oldest first.

        A call may look at a part of the jobs only: the second value is the ``after`` of the next, 0 where that was all.
        A place is a number, or whatever an engine finds its way by; one that was given before may pass over some.
        """

    def drop(self, numbers: Sequence[int]) -> int:
        """Delete the records of ended jobs by number, lest one be hit that has come again under its id. Returns how many."""


class ResultStore(Protocol):
    """Remembers jobs that have ended at a broker elsewhere. Every method raises ``BrokerUnavailable`` while it is away."""

    capabilities: Capabilities
    """``inspect`` says whether it can be searched and counted, rather than asked by id alone."""

    def open(self) -> None:
        """Connect now rather than at the first call. Raises ``BrokerUnavailable`` or ``SchemaMissing``."""

    def close(self) -> None:
        """Let go of every connection. The store may be used again afterwards."""

    def clone(self) -> Self:
        """Return an unopened store on the same data, for another thread."""

    def keep(self, records: Sequence[Record]) -> set[str]:
        """Remember ended jobs, whole. One whose id is known to have ended takes its place, so a repeat changes nothing.

        Returns the ids of those it cannot keep, whatever is tried: a value too large, an id that belongs to a live job.
        """

    def get(self, id: str) -> Job | None:
        """Return the whole record, or None for an unknown id."""

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's ended attempts, the oldest first."""

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """As ``Store.find``."""

    def counts(self) -> dict[str, dict[State, int]]:
        """As ``Store.counts``."""

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """As ``Store.failures``."""

    def forget(self, ids: Iterable[str]) -> int:
        """As ``Store.forget``."""

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """As ``Store.prune``."""
