"""What a job is: its record, its states, and the token that fences a claim of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class State(StrEnum):
    """Where a job is. The values are what every store keeps."""

    BLOCKED = "blocked"
    SCHEDULED = "scheduled"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARKED = "parked"


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})
"""States that a job never leaves."""

LIVE = frozenset({State.BLOCKED, State.SCHEDULED, State.WAITING, State.RUNNING})
"""States of a job that still has work to come. ``parked`` is neither: it waits for a person."""

_NOT_RUN = frozenset({State.CANCELLED, State.EXPIRED, State.PARKED})

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.BLOCKED: frozenset({State.SCHEDULED, State.WAITING, State.FAILED}) | _NOT_RUN,
    State.SCHEDULED: frozenset({State.WAITING}) | _NOT_RUN,
    State.WAITING: frozenset({State.RUNNING}) | _NOT_RUN,
    # Back to waiting: released, rescued or requeued. Back to scheduled: a retry.
    State.RUNNING: frozenset({State.WAITING, State.SCHEDULED, State.SUCCEEDED, State.FAILED}) | _NOT_RUN,
    State.PARKED: frozenset({State.WAITING, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}
"""Every legal step from one state to the next."""

CELERY_NAMES: Mapping[State, str] = {
    State.BLOCKED: "PENDING",
    State.SCHEDULED: "PENDING",
    State.WAITING: "PENDING",
    State.RUNNING: "STARTED",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
    State.CANCELLED: "REVOKED",
    State.EXPIRED: "REVOKED",
    State.PARKED: "PENDING",
}
"""The name Celery has for a state. A scheduled job that was tried before is called ``RETRY``: see ``celery_name``."""

DJANGO_NAMES: Mapping[State, str] = {
    State.BLOCKED: "READY",
    State.SCHEDULED: "READY",
    State.WAITING: "READY",
    State.RUNNING: "RUNNING",
    State.SUCCEEDED: "SUCCESSFUL",
    State.FAILED: "FAILED",
    State.CANCELLED: "FAILED",
    State.EXPIRED: "FAILED",
    State.PARKED: "READY",
}
"""The name ``django.tasks`` has for a state."""


def celery_name(state: State, attempts: int) -> str:
    """Return Celery's name for ``state`` of a job that has ended ``attempts`` attempts so far."""
    if state is State.SCHEDULED and attempts:
        return "RETRY"
    return CELERY_NAMES[state]


class Token(NamedTuple):
    """Proof of a claim. Whatever changes a claimed job names its token; a token that is no longer valid changes nothing.

    ``number`` is the broker's own key of the job, ``child`` the random id of one child process incarnation, and
    ``delivery`` how often the job had been claimed at that claim, this one included.
    """

    number: int
    child: str
    delivery: int


class Job(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One request to run a task: the whole record. Times are seconds since 1970 UTC.

    Nothing in it points back at it, so the garbage collector need not look at the many that one call of ``bulk`` makes.

    ``payload`` is the encoded ``[args, kwargs, embed]`` (see ``codec.py``). ``attempts`` counts the attempts that have
    *ended*, so it equals Celery's ``request.retries`` while one runs. ``charges`` counts child processes that died while
    running it. ``result`` is the encoded return value or, of a failed job, the encoded error.
    """

    id: str
    task: str
    queue: str
    payload: bytes
    priority: int = 0
    state: State = State.WAITING
    run_at: float | None = None
    expires: float | None = None
    attempts: int = 0
    charges: int = 0
    number: int = 0
    child: str = ""
    delivery: int = 0
    root: str | None = None
    parent: str | None = None
    group: str | None = None
    position: int | None = None
    unique_key: str | None = None
    concurrency_key: str | None = None
    fairness_key: str | None = None
    headers: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    schedule: str | None = None
    nominal: float | None = None
    created: float | None = None
    started: float | None = None
    finished: float | None = None
    result: bytes | None = None
    worker: str | None = None
    version: int = 1

    @property
    def token(self) -> Token:
        """The token of the claim that returned this job."""
        return Token(self.number, self.child, self.delivery)
