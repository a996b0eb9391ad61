"""Records as rows and rows as records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt, Failure

to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode
_to_failure = msgspec.json.Decoder(Failure).decode

# What a claim reads of the record: enough to run an attempt, no more.
CLAIM_COLUMNS = (
    'number, id, task, queue, payload, priority, run_at, expires, attempts, root, parent, "group", position, headers'
)

RECORD_COLUMNS = (
    "number, id, task, queue, payload, priority, state, run_at, expires, attempts, charges, root, parent,"
    ' "group", position, unique_key, concurrency_key, fairness_key, headers, metadata, progress, schedule, nominal, created,'
    " started, finished, result, worker, version"
)

# What a push writes. A plain job leaves the rest NULL, and a shorter statement is a faster one.
PLAIN_COLUMNS = ("id", "task", "queue", "payload", "priority", "state")
OPTIONAL_COLUMNS = (
    "run_at", "expires", "root", "parent", "group", "position", "unique_key", "concurrency_key", "fairness_key",
    "headers", "metadata", "progress", "schedule", "nominal", "attempts",
)  # fmt: skip
TIMES = frozenset({"run_at", "expires", "nominal"})
JSONS = frozenset({"headers", "metadata", "progress"})

# What is written of a job that has ended elsewhere.
KEPT_COLUMNS = tuple(name.strip(' "') for name in RECORD_COLUMNS.split(",") if name != "number")
ALL_TIMES = TIMES | {"created", "started", "finished"}


_optional = attrgetter(*OPTIONAL_COLUMNS)
_EMPTY = _optional(Job(id="", task="", queue="", payload=b""))


def is_plain(job: Job) -> bool:
    """Return whether every optional column of the job is empty. Attempts has one that was tried at another broker."""
    return bool(_optional(job) == _EMPTY)


def used_columns(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return the optional columns that are not empty in each of the jobs."""
    found = list(map(_optional, jobs))
    if found.count(_EMPTY) == len(found):  # as a rule, and that is known in half of the time
        return ()
    columns = zip(OPTIONAL_COLUMNS, _EMPTY, zip(*found, strict=True), strict=True)
    return tuple(name for name, empty, values in columns if values.count(empty) < len(values))


def clean(text: str) -> str:
    """Return text that every database can store: no NUL, no lone surrogates."""
    if "\x00" in text:
        text = text.replace("\x00", "\\x00")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def json_text(value: Any) -> str | None:
    """Return a JSON column's text. PostgreSQL's jsonb cannot hold the character U+0000, so it is shown as text."""
    if value is None:
        return None
    text = to_json(value).decode()
    return text.replace("\\u0000", "\\\\x00") if "\\u0000" in text else text


def from_json(value: Any) -> Any:
    """Return what a JSON column holds, whether or not the driver decoded it."""
    return _from_json(value) if isinstance(value, str | bytes) else value


def failure_text(failure: Failure | None) -> str | None:
    """Return an attempt's error column."""
    if failure is None:
        return None
    return json_text(
        msgspec.structs.replace(failure, message=clean(failure.message), traceback=clean(failure.traceback), arguments=[])
    )


def seconds(value: Any) -> float | None:
    """Return a time column as seconds since 1970 UTC. Times without a zone are UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return float(value.timestamp())


def blob(value: Any) -> bytes | None:
    """Return a binary column as bytes."""
    return bytes(value) if isinstance(value, memoryview) else value


def claimed_job(row: Sequence[Any], child: str) -> Job:
    """Return a claimed job: a row of delivery, charges and ``CLAIM_COLUMNS``."""
    (
        delivery,
        charges,
        number,
        id,
        task,
        queue,
        payload,
        priority,
        run_at,
        expires,
        attempts,
        root,
        parent,
        group,
        position,
        headers,
    ) = row
    job = Job(
        id=id, task=task, queue=queue, payload=payload if type(payload) is bytes else bytes(payload), priority=priority,
        state=State.RUNNING, attempts=attempts, charges=charges, number=number, child=child, delivery=delivery,
        root=root, parent=parent, group=group, position=position,
    )  # fmt: skip
    if run_at is not None:
        job.run_at = seconds(run_at)
    if expires is not None:
        job.expires = seconds(expires)
    if headers is not None:
        job.headers = from_json(headers)
    return job


_RECORD_FIELDS = tuple(name.strip(' "') for name in RECORD_COLUMNS.split(","))
_CONVERT = {
    **dict.fromkeys(("run_at", "expires", "nominal", "created", "started", "finished"), seconds),
    **dict.fromkeys(("headers", "metadata", "progress"), from_json),
    **dict.fromkeys(("payload", "result"), blob),
    "state": State,
}


def record(row: Sequence[Any]) -> Job:
    """Return a whole record: a row of ``RECORD_COLUMNS``."""
    fields = {
        name: _CONVERT[name](value) if name in _CONVERT else value for name, value in zip(_RECORD_FIELDS, row, strict=True)
    }
    return Job(**fields)


def worker(row: Sequence[Any]) -> WorkerInfo:
    """Return a worker: a row of id, name, host, pid, pool, concurrency, queues, version, started, lease."""
    id, name, host, pid, pool, concurrency, queues, version, started, lease = row
    return WorkerInfo(
        id=id, name=name, host=host, pid=pid, pool=pool, concurrency=concurrency, queues=from_json(queues), version=version,
        started=seconds(started), lease=seconds(lease),
    )  # fmt: skip


def attempt(row: Sequence[Any]) -> Attempt:
    """Return an attempt: a row of index, state, started, finished, worker, error, log."""
    index, state, started, finished, worker, error, log = row
    failure = msgspec.convert(from_json(error), Failure) if error is not None else None
    return Attempt(
        index=index,
        state=State(state),
        started=seconds(started),
        finished=seconds(finished),
        worker=worker,
        failure=failure,
        log=log,
    )
