"""The object that an attempt's steps work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Token as ContextToken
from typing import Any

from celeriac.engine.job import Job, State, celery_name
from celeriac.engine.outcome import Failure
from celeriac.engine.request import Request

Around = Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]
"""Calls a body in place of a plain call: ``around(function, args, kwargs)``."""


class Attempt:
    """One execution of a job. It belongs to the thread, or the coroutine, that runs it."""

    __slots__ = (
        "args", "around", "context", "embed", "error", "failure", "hard_limit", "job", "kwargs", "payload", "queue",
        "request", "result", "run_at", "settled", "soft_limit", "started", "state", "task", "value",
    )  # fmt: skip

    def __init__(self, job: Job, started: float) -> None:
        self.job = job
        self.started = started
        self.state: State | None = None
        self.task: Any = None
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {}
        self.embed: dict[str, Any] = {}
        self.request: Request | None = None
        self.context: ContextToken[Request | None] | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self.failure: Failure | None = None
        self.result: bytes | None = None
        self.run_at: float | None = None
        self.payload: bytes | None = None
        self.queue: str | None = None
        self.settled = False
        self.around: Around | None = None
        self.soft_limit: float | None = None
        self.hard_limit: float | None = None

    @property
    def celery_state(self) -> str:
        """Celery's name for what the attempt ended in."""
        state = self.state or State.RUNNING
        return celery_name(state, 1)
