"""Jobs and outcomes as the scripts take them, and what the scripts return as jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

import msgspec

from celeriac.engine.brokers.endings import worth_keeping
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt, Failure, Outcome

packed = msgspec.msgpack.Encoder().encode
"""A job's record, or a remembered attempt, as the server keeps it and no script reads it."""
_kept_job = msgspec.msgpack.Decoder(tuple[float, int, Job]).decode
"""A job as the server keeps it: when it was pushed, its priority, and the record, which has it too."""
_kept_jobs = msgspec.msgpack.Decoder(list[tuple[float, int, Job]]).decode
_LIST = b"\xdd"
"""Before four bytes of length and so many values: how a list begins in msgpack, so that records are read all at once."""
_names = msgspec.msgpack.Decoder(list[str]).decode
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


def pushed(jobs: Sequence[Job]) -> tuple[bytes, bytes]:
    """Return jobs as a push takes them: lists of what the scripts look at, and what they keep."""
    if not jobs:
        return b"", b""
    records = list(map(packed, jobs))
    return packed((
        [job.id for job in jobs], [job.queue for job in jobs], [job.priority for job in jobs],
        [job.state for job in jobs], [job.run_at or 0.0 for job in jobs], list(map(len, records)),
        {place: job.attempts for place, job in enumerate(jobs, 1) if job.attempts},
    )), b"".join(records)  # fmt: skip


def failure_text(failure: Failure) -> bytes:
    """Return a failure as it is remembered."""
    return to_json(
        msgspec.structs.replace(failure, message=clean(failure.message), traceback=clean(failure.traceback), arguments=[])
    )


def settled(outcomes: Sequence[Outcome]) -> list[Any]:
    """Return the arguments of a settle: when the last outcome ended, what all have, and what few have besides."""
    latest = 0.0
    which: list[int] = []
    rare: list[Any] = []
    kinds: dict[tuple[str, int, bool, bool, State], int] = {}
    for outcome in outcomes:
        latest = max(latest, outcome.finished)
        more = _more(outcome)
        if more:
            rare += (*more, *pushed(outcome.follow_ups))
        token = outcome.token
        kind = (token.child, token.delivery, outcome.counts, bool(more), _state(outcome))
        which.append(kinds.setdefault(kind, len(kinds) + 1))
    numbers, rests = [str(outcome.token.number) for outcome in outcomes], list(map(_rest, outcomes))
    listed = packed((numbers, which, list(map(len, rests)), list(starmap(_kind, kinds))))
    return [repr(latest), listed, b"".join(rests), *rare]


def judgement(outcome: Outcome) -> list[Any]:
    """Return the arguments of a verdict: an outcome with its number, and without follow-ups."""
    more = _more(outcome)
    _, child, delivery = outcome.token
    return [outcome.token.number, _kind(child, delivery, outcome.counts, bool(more), _state(outcome)), _rest(outcome), *more]


def remembered(job: Job, outcome: Outcome) -> list[Any]:
    """Return the arguments of a job that ran without being enqueued."""
    attempt, progress = (_more(outcome) or ("", ""))[:2]
    attempts = job.attempts + outcome.counts
    return [
        job.id, job.queue, job.priority, packed(job), attempts, progress, attempt,
        repr(outcome.finished), outcome.state.value, _rest(outcome),
    ]  # fmt: skip


def kept(records: Sequence[Record]) -> list[Any]:
    """Return the arguments of whole records of ended jobs: how many, and then what ``keep.lua`` says of each."""
    arguments: list[Any] = [len(records)]
    for job, attempts in records:
        plain = msgspec.structs.replace(
            job, number=0, child="", delivery=0, state=State.WAITING, attempts=0, charges=0, started=None, finished=None,
            result=None, worker=None,
        )  # fmt: skip
        finished = job.finished or 0.0
        arguments += (job.id, job.queue, job.priority, repr(job.created or finished), packed(plain), job.charges)
        arguments += (job.state.value, job.attempts, job.delivery, repr(finished))
        arguments += (packed((job.started, job.finished, job.worker, job.result)), len(attempts))
        arguments += [b"%d\n%b" % (attempt.index, _attempt(attempt)) for attempt in attempts]
    return arguments


def _state(outcome: Outcome) -> State:
    if outcome.state is State.SCHEDULED and (outcome.run_at is None or outcome.run_at <= outcome.finished):
        return State.WAITING  # it is due already
    return outcome.state


def _kind(child: str, delivery: int, counts: bool, more: bool, state: State) -> str:
    return f"{delivery} {state.value} {counts:d} {more:d} {child}"


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


def _attempt(outcome: Outcome | Attempt) -> bytes:
    failure, log = outcome.failure, outcome.log
    text = failure_text(failure).decode() if failure is not None else False
    worker, kept = outcome.worker or False, clean(log) if log else False
    return packed([outcome.state.value, outcome.started, outcome.finished, worker, text, kept])


def claimed_jobs(rows: Sequence[Any], child: str) -> list[Job]:
    """Return claimed jobs: what ``claim_batch`` in ``claiming.lua`` returns."""
    if not rows:
        return []
    numbers, claims, records, changes = _names(rows[0]), _names(rows[1]), rows[2], rows[3]
    read = {claim: _read_claim(claim) for claim in set(claims)}
    kept = _kept_jobs(_LIST + len(numbers).to_bytes(4) + records)
    jobs = []
    for number, claim, (_, __, job) in zip(numbers, claims, kept, strict=True):
        job.number, job.child, job.state = int(number), child, State.RUNNING
        job.delivery, job.attempts, _, job.queue = read[claim]
        jobs.append(job)
    for job, (charges, payload) in zip(jobs, changes, strict=False):  # none where nothing has changed
        job.charges, job.payload = int(charges), job.payload if payload is None else payload
    return jobs


def _read_claim(claim: str) -> tuple[int, int, str, str]:
    delivery, attempts, child, queue = claim.split(" ", 3)
    return int(delivery), int(attempts), child, queue


def stored_job(row: Sequence[Any]) -> Job:
    """Return a whole record: a row of ``rows_of`` in ``jobs.lua``."""
    number, kept, end, claim, due, changes, worker = row
    created, _, job = _kept_job(kept)
    job.number, job.created = int(number), created
    changed = dict(zip(changes[::2], changes[1::2], strict=True))
    _apply(job, changed)
    if end is not None:
        _ended(job, end)
    elif claim is not None:
        job.state = State.RUNNING
        job.delivery, job.attempts, job.child, job.queue = _read_claim(claim.decode())
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
