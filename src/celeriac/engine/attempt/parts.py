"""What a runner is given from outside: by the worker whose bodies it runs, and by the project they belong to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.job import Job
from celeriac.engine.outcome import Outcome


class Observer(Protocol):
    """Is told of every attempt, in the thread that runs it: signals, logs, metrics. It must not raise."""

    def started(self, attempt: Attempt) -> None:
        """The body is about to be called."""

    def ended(self, attempt: Attempt) -> None:
        """``attempt.state`` says what it ended in; ``value`` or ``error`` with what.

        Told also of an attempt that ended before its body was reached (expired, unknown task): ``attempt.request`` is None.
        """

    def broke(self, attempt: Attempt) -> None:
        """The engine itself failed over what the attempt ended in: ``attempt.error`` says how. ``ended`` follows."""


class Limits(Protocol):
    """Runs a body under a soft time limit, by the means of its executor."""

    def call(self, seconds: float, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call; raise ``SoftTimeLimitExceeded`` inside the body after ``seconds``."""

    def wrap(self, seconds: float, coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """The same for a coroutine."""


class FollowUps(Protocol):
    """Builds the jobs that an ended attempt asks for (link, link_error, the rest of a chain)."""

    def __call__(self, attempt: Attempt) -> tuple[Job, ...]:
        """Return the jobs to push with the outcome, their ids derived from (parent, step)."""


class Transactions(Protocol):
    """Runs a body in one transaction with its settling (``transactional=True``)."""

    def __call__(self) -> AbstractContextManager[Callable[[Outcome], bool]]:
        """Open the transaction; yields a function that settles inside it and returns whether the token was accepted."""
