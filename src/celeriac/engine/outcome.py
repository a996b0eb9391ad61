"""What an attempt ended in: everything the broker must write in one operation."""

from __future__ import annotations

import msgspec

from celeriac.engine.job import Job, State, Token


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt did not succeed, as text. Classes are kept by name and never imported again (CVE-2021-23727).

    ``arguments`` are the exception's own arguments where they are JSON, else their ``repr``.
    """

    type: str
    module: str
    message: str
    traceback: str = ""
    arguments: list[object] = msgspec.field(default_factory=list)


class Outcome(msgspec.Struct, kw_only=True):
    """What one attempt ended in. Times are seconds since 1970 UTC.

    ``state`` says what becomes of the job: a terminal state, ``scheduled`` for a retry at ``run_at``, ``waiting`` to hand it
    back at once, or ``parked``. ``result`` is the encoded return value or error; ``None`` where results are not kept.
    ``follow_ups`` are pushed in the same operation, and only when the token is accepted.
    ``counts`` is False where the attempt never reached the body and must not count as one (a requeue).
    """

    token: Token
    state: State
    started: float
    finished: float
    result: bytes | None = None
    run_at: float | None = None
    failure: Failure | None = None
    log: str | None = None
    worker: str | None = None
    follow_ups: tuple[Job, ...] = ()
    counts: bool = True
    retried: bool = False
    """True where this ends an attempt of a job that was tried before, so that its history is kept even when clean."""
    payload: bytes | None = None
    """New arguments for a retry that changes them."""
    queue: str | None = None
    """Another queue for a retry that changes it."""
    progress: dict[str, object] | None = None
    """The last progress the body reported, where it did: a report on its way must not lose against the settle."""
    settled: bool = False
    """True where the outcome was written already, inside the body's own transaction: nothing is left to settle."""


class Attempt(msgspec.Struct, kw_only=True):
    """One ended attempt as the store remembers it. Kept only when there is something to remember."""

    index: int
    state: State
    started: float | None = None
    finished: float | None = None
    worker: str | None = None
    failure: Failure | None = None
    log: str | None = None
