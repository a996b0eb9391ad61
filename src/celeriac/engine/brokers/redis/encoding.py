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
_LIVES_ON = frozenset({State.WAITING, State.SCHEDULED})


def clean(text: str) -> str:
    """Return text without lone surrogates, which no UTF-8 can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def pushed(jobs: Sequence[Job]) -> list[Any]:
    """Return the arguments of a push: how many jobs, and six for each."""
    arguments: list[Any] = [len(jobs)]
    for job in jobs:
        arguments += (job.id, job.queue, job.priority, job.state.value, job.run_at or 0.0, packed(job))
    return arguments


def failure_text(failure: Failure) -> bytes:
    """Return a failure as it is remembered."""
    return to_json(
        msgspec.structs.replace(failure, message=clean(failure.message), traceback=clean(failure.traceback), arguments=[])
    )


def settled(outcomes: Sequence[Outcome]) -> list[Any]:
    """Return the arguments of a settle: when the last outcome ended, how many there are, and what the script says."""
    latest = max([outcome.finished for outcome in outcomes])
    arguments: list[Any] = [repr(latest), len(outcomes), *[outcome.token.number for outcome in outcomes]]
    for outcome in outcomes:
        more = _more(outcome)
        arguments += (_kind(outcome, 1 if more else 0), _rest(outcome))
        if more:
            arguments += more
            arguments += pushed(outcome.follow_ups)
    return arguments


def judgement(outcome: Outcome) -> list[Any]:
    """Return the arguments of a verdict: an outcome with its number, and without follow-ups."""
    more = _more(outcome)
    return [outcome.token.number, _kind(outcome, 1 if more else 0), _rest(outcome), *more]


def remembered(job: Job, outcome: Outcome) -> list[Any]:
    """Return the arguments of a job that ran without being enqueued."""
    attempt, progress = (_more(outcome) or ("", ""))[:2]
    attempts = int(outcome.counts)
    return [
        job.id, job.queue, job.priority, packed(job), attempts, progress, attempt,
        repr(outcome.finished), outcome.state.value, _rest(outcome),
    ]  # fmt: skip


def _kind(outcome: Outcome, more: int) -> str:
    _, child, delivery = outcome.token
    state = outcome.state
    if state is State.SCHEDULED and (outcome.run_at is None or outcome.run_at <= outcome.finished):
        state = State.WAITING  # it is due already
    return f"{delivery} {state.value} {outcome.counts:d} {more} {child}"


def _rest(outcome: Outcome) -> bytes:
    return packed((outcome.started, outcome.finished, outcome.worker, outcome.result))


def _more(outcome: Outcome) -> tuple[Any, ...]:
    """Return what few outcomes have, where this has any of it. An empty argument is one that is missing."""
    keeps = worth_keeping(outcome)
    if not (keeps or outcome.progress or outcome.follow_ups or outcome.state in _LIVES_ON):
        return ()
    return (
        _attempt(outcome) if keeps else b"",
        b"" if outcome.progress is None else to_json(outcome.progress),
        "" if outcome.run_at is None else repr(outcome.run_at),
        outcome.payload or b"",
        outcome.queue or "",
    )


def _attempt(outcome: Outcome) -> bytes:
    failure, log = outcome.failure, outcome.log
    text = failure_text(failure).decode() if failure is not None else False
    worker, kept = outcome.worker or False, clean(log) if log else False
    return packed([outcome.state.value, outcome.started, outcome.finished, worker, text, kept])


def claimed_jobs(rows: Sequence[Any], child: str) -> list[Job]:
    """Return claimed jobs: what ``claim.lua`` returns."""
    if not rows:
        return []
    numbers, claims, records, changes = rows
    read = {claim: _read_claim(claim) for claim in set(claims)}
    jobs = []
    for number, claim, record in zip(numbers, claims, records, strict=True):
        job = _record(record.partition(b"\n")[2])
        job.number, job.child, job.state = int(number), child, State.RUNNING
        job.delivery, job.attempts, _, job.queue = read[claim]
        jobs.append(job)
    for job, (charges, payload) in zip(jobs, changes, strict=False):  # none where nothing has changed
        job.charges, job.payload = int(charges), job.payload if payload is None else payload
    return jobs


def _read_claim(claim: bytes) -> tuple[int, int, str, str]:
    delivery, attempts, child, queue = claim.decode().split(" ", 3)
    return int(delivery), int(attempts), child, queue


def stored_job(row: Sequence[Any]) -> Job:
    """Return a whole record: a row of ``rows_of`` in ``jobs.lua``."""
    number, pushed_as, end, claim, due, changes, worker = row
    pushed_at, _, record = pushed_as.partition(b"\n")
    job = _record(record)
    job.number, job.created = int(number), float(pushed_at.split(b" ", 1)[0])
    changed = dict(zip(changes[::2], changes[1::2], strict=True))
    _apply(job, changed)
    if end is not None:
        _ended(job, end)
    elif claim is not None:
        job.state = State.RUNNING
        job.delivery, job.attempts, job.child, job.queue = _read_claim(claim)
        job.worker, job.started = worker.decode() if worker else None, _seconds(changed.get(b"b"))
    else:
        job.state = State.WAITING if due is None else State.SCHEDULED
    return job


def _apply(job: Job, changed: Mapping[bytes, bytes]) -> None:
    """Apply what has changed since the job was pushed."""
    job.attempts, job.charges = int(changed.get(b"a", 0)), int(changed.get(b"g", 0))
    job.delivery = int(changed.get(b"d", 0))
    job.payload = changed.get(b"pl", job.payload)
    if b"q" in changed:
        job.queue = changed[b"q"].decode()
    if b"t" in changed:
        job.run_at = float(changed[b"t"])
    if b"m" in changed:
        job.progress = from_json(changed[b"m"])


def _ended(job: Job, end: bytes) -> None:
    head, _, rest = end.partition(b"\n")
    state, attempts, delivery, *later = head.decode().split(" ")
    # A script packs what is missing as false, and bytes as text.
    started, finished, worker, result = (None if part is False else part for part in _plain(rest))
    job.state, job.attempts, job.delivery = State(state), int(attempts), int(delivery)
    job.started, job.finished, job.worker = started, float(later[0]) if later else finished, worker
    job.result = result.encode() if isinstance(result, str) else result


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
