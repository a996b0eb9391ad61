"""What the engine needs of the project it runs jobs for. The public side implements it: ``celeriac.worker``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.job import Job
from celeriac.engine.keeper.ticker import Agenda
from celeriac.engine.options import WorkerOptions
from celeriac.engine.outcome import Failure
from celeriac.engine.registry import Registry


class Outbox(Protocol):
    """Jobs that were accepted in a database and are on their way to the broker. It belongs to one thread."""

    def send(self, push: Callable[[Sequence[Job]], None]) -> int:
        """Push every job that was left behind, and forget it. Returns how many. Raises ``BrokerUnavailable``."""

    def close(self) -> None:
        """Let go of the connection."""


class Project(Protocol):
    """An imported project, ready to run its tasks."""

    registry: Registry
    options: WorkerOptions

    def connect(self) -> Any:
        """Return a new broker and store for one thread of this process, not opened yet."""

    def results(self) -> ResultStore | None:
        """Return the store that ended jobs move to, for one thread, not opened yet; None where they stay at the broker."""

    def outbox(self) -> Outbox | None:
        """Return a new outbox for one thread; None where jobs need none, since the broker is the callers' database."""

    def agenda(self) -> Agenda | None:
        """Return the periodic tasks, for one thread; None where there are none to fire."""

    def runner(self, **parts: Any) -> AttemptRunner:
        """Return an attempt runner made of ``parts`` and of what the project adds: signals, follow-ups, transactions."""

    def follow_failure(self, job: Job, failure: Failure) -> Sequence[Job]:
        """Return what follows a job whose process was killed: ``Consequences``, by its record alone, without user code."""

    def started(self, role: str) -> None:
        """A process was forked and has no connections yet. ``role`` is ``keeper``, ``child`` or ``herald``."""

    def leaving(self, role: str) -> None:
        """It is about to end."""

    def tell(self, event: str, **about: Any) -> None:
        """Something becomes of the worker: ``ready``, ``alive``, ``stopping`` or ``stopped``. Called where the herald is.

        Or of a job whose child was killed over it: ``killed``, with its ``number``.
        """

    def between_jobs(self) -> None:
        """Called between batches, in the thread that runs the bodies: let go of stale connections."""
