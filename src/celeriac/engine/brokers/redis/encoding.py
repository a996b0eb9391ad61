"""Jobs and outcomes as the scripts take them, and what the scripts return as jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from celeriac.engine.brokers.endings import worth_keeping
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt, Failure, Outcome

packed = msgspec.msgpack.Encoder().encode
"""A job's record, or a remembered attempt, as the server keeps it and no script reads it."""
_record = msgspec.msgpack.Decoder(Job).decode
_plain = msgspec.msgpack.Decoder().decode
_failure = msgspec.json.Decoder(Failure).decode
to_json = msgspec.json.Encoder().encode
from_json = msgspec.json.Decoder().decode


def clean(text: str) -> str:
    """Return text without lone surrogates, which no UTF-8 can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def pushed(jobs: Sequence[Job]) -> list[Any]:
    """Return the arguments of a push: how many jobs, and seven for each."""
    arguments: list[Any] = [len(jobs)]
    for job in jobs:
        arguments += (job.id, job.task, job.queue, job.priority, job.state.value, job.run_at or 0.0, packed(job))
    return arguments


def failure_text(failure: Failure) -> bytes:
    """Return a failure as it is remembered."""
    return to_json(
        msgspec.structs.replace(failure, message=clean(failure.message), traceback=clean(failure.traceback), arguments=[])
    )


def settled(outcomes: Sequence[Outcome]) -> list[Any]:
    """Return the arguments of a settle: how many outcomes, and each with its follow-ups."""
    arguments: list[Any] = [len(outcomes)]
    for outcome in outcomes:
        arguments += ended(outcome)
        arguments += pushed(outcome.follow_ups)
    return arguments


def ended(outcome: Outcome) -> tuple[Any, ...]:
    """Return the arguments of one outcome. An empty one is one that is missing."""
    return (
        *outcome.token,
        outcome.state.value,
        outcome.started,
        outcome.finished,
        outcome.worker or "",
        int(outcome.counts),
        outcome.result or b"",
        b"" if outcome.progress is None else to_json(outcome.progress),
        _attempt(outcome) if worth_keeping(outcome) else b"",
        "" if outcome.run_at is None else outcome.run_at,
        outcome.payload or b"",
        outcome.queue or "",
    )


def _attempt(outcome: Outcome) -> bytes:
    failure, log = outcome.failure, outcome.log
    text = failure_text(failure).decode() if failure is not None else False
    worker, kept = outcome.worker or False, clean(log) if log else False
    return packed([outcome.state.value, outcome.started, outcome.finished, worker, text, kept])


def claimed_job(row: Sequence[Any], child: str) -> Job:
    """Return a claimed job: a row of ``claim.lua``."""
    number, delivery, attempts, charges, queue, record, payload = row
    job = _record(record)
    job.number, job.child, job.delivery = int(number), child, delivery
    job.state, job.queue = State.RUNNING, queue.decode()
    job.attempts, job.charges = attempts, int(charges)
    if payload is not None:
        job.payload = payload
    return job


def stored_job(number: int, fields: Mapping[bytes, bytes]) -> Job:
    """Return a whole record: the fields of a job's hash."""
    job = _record(fields[b"r"])
    job.number, job.state, job.queue = number, State(fields[b"s"].decode()), fields[b"q"].decode()
    job.attempts, job.charges = int(fields.get(b"a", 0)), int(fields.get(b"g", 0))
    job.delivery = int(fields.get(b"d", 0))
    job.payload = fields.get(b"pl", job.payload)
    job.result = fields.get(b"v")
    job.created, job.finished = _seconds(fields.get(b"ct")), _seconds(fields.get(b"fi"))
    job.started, job.worker = _seconds(fields.get(b"st")), fields.get(b"w", b"").decode() or None
    job.run_at = _seconds(fields.get(b"t"))
    if b"m" in fields:
        job.progress = from_json(fields[b"m"])
    if job.state is State.RUNNING:
        job.child, job.started = fields[b"c"].decode(), _seconds(fields.get(b"b"))
        job.worker = fields.get(b"name", b"").decode() or None
    return job


def _seconds(text: bytes | None) -> float | None:
    return None if text is None else float(text)


def stored_attempt(data: bytes) -> Attempt:
    """Return one remembered attempt."""
    index, _, rest = data.partition(b"\n")
    state, started, finished, worker, failure, log = _plain(rest)
    return Attempt(
        index=int(index), state=State(state), started=started, finished=finished, worker=worker or None,
        failure=_failure(failure) if failure else None, log=log or None,
    )  # fmt: skip
