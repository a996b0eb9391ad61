"""Reading and forgetting: the store's half of the Redis engine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.redis.encoding import remembered, stored_attempt, stored_job
from celeriac.engine.job import LIVE, TERMINAL, Job, State
from celeriac.engine.outcome import Attempt, Outcome

if TYPE_CHECKING:
    from celeriac.engine.brokers.redis.broker import RedisBroker

POLL = 1.0
"""Seconds between looks while waiting for a result, should a wake-up get lost."""
AT_ONCE = 500
"""Records that one script deletes: a longer one would keep everybody else waiting."""
THOUSAND = 1000
"""Numbers of which the server knows how many have a job."""
PART = 100
"""Records read at once: a list on a page shows fewer."""
_worker = msgspec.json.Decoder(WorkerInfo).decode
FILTERS = frozenset({"queue", "task", "state", "root", "parent", "group"})


def get(broker: RedisBroker, id: str, awaited: bool = False) -> Job | None:
    """Return one whole record; ``awaited`` asks for a wake-up when it has ended."""
    found = broker.call("get", id, int(awaited))
    return None if found is None else stored_job(found)


def wait(broker: RedisBroker, id: str, timeout: float | None) -> Job | None:
    """Return the record once the job has ended. Woken by the settle; a look every second covers a lost wake-up."""
    deadline = None if timeout is None else time.monotonic() + timeout
    notifier, channel = broker.waiter(), ""
    try:
        while True:
            job = get(broker, id, awaited=bool(channel))
            if job is not None and job.state not in LIVE:
                return job
            left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
            if left <= 0:
                return None
            if job is None:
                time.sleep(min(left, 0.1))  # nobody has pushed it yet, so there is no number to listen for
            elif channel:
                notifier.hear(left)
            else:
                channel = f"{broker.prefix}done:{job.number}"
                notifier.listen(channel)  # and look once more: it may have ended since
    finally:
        if channel:
            notifier.ignore(channel)


def attempts(broker: RedisBroker, id: str) -> list[Attempt]:
    """Return the kept attempts of a job."""
    number = broker.do(lambda client: client.get(f"{broker.prefix}i:{id}"))
    if number is None:
        return []
    kept = broker.do(lambda client: client.lrange(f"{broker.prefix}at:{number.decode()}", 0, -1))
    return [stored_attempt(data) for data in kept]


def find(broker: RedisBroker, where: Mapping[str, Any], limit: int, before: int | None) -> list[Job]:
    """Return records, the newest first. Raises ``KeyError`` for a filter that does not exist."""
    if unknown := set(where) - FILTERS:
        raise KeyError(*unknown)
    found: list[Job] = []
    for job in _newest(broker, before):
        if len(found) >= limit:
            break
        if all(getattr(job, name) == value for name, value in where.items()):
            found.append(job)
    return found


def _newest(broker: RedisBroker, before: int | None) -> Iterator[Job]:
    """Yield every record, the newest first: of each thousand numbers in which there is a job, a part at a time."""
    filled = broker.do(lambda client: client.hkeys(f"{broker.prefix}pages"))
    for page in sorted(map(int, filled), reverse=True):
        first, end = page * THOUSAND, (page + 1) * THOUSAND
        numbers = range(first, end if before is None else min(end, before))
        for start in range(len(numbers), 0, -PART):
            yield from records(broker, numbers[max(start - PART, 0) : start][::-1])


def records(broker: RedisBroker, numbers: Sequence[int]) -> Iterator[Job]:
    """Yield the records of these numbers, where there are any."""
    if numbers:
        yield from map(stored_job, broker.call("read", *numbers))


def counts(broker: RedisBroker) -> dict[str, dict[State, int]]:
    """Return the number of jobs by queue and state."""
    counted: dict[str, dict[State, int]] = {}
    for field, number in broker.do(lambda client: client.hgetall(f"{broker.prefix}counts")).items():
        state, _, queue = field.decode().partition(":")
        if int(number):
            counted.setdefault(queue, {})[State(state)] = int(number)
    return counted


def workers(broker: RedisBroker) -> list[WorkerInfo]:
    """Return the living workers, in the order of their names."""
    found = []
    for row in broker.call("workers"):
        joined, _, data = row.partition(b" ")
        found.append(msgspec.structs.replace(_worker(data), started=float(joined)))
    return sorted(found, key=lambda worker: (worker.name, worker.id))


def remember(broker: RedisBroker, job: Job, outcome: Outcome) -> None:
    """Keep the record of a job that has run without being enqueued."""
    broker.call("remember", *remembered(job, outcome))


def numbers_of(broker: RedisBroker, ids: Iterable[str]) -> list[str]:
    """Return the numbers of known jobs."""
    keys = [f"{broker.prefix}i:{id}" for id in dict.fromkeys(ids)]
    found = broker.do(lambda client: client.mget(keys)) if keys else []
    return [number.decode() for number in found if number is not None]


def of_tasks(broker: RedisBroker, numbers: list[int], tasks: Sequence[str]) -> list[str]:
    """Return those of ``numbers`` whose job runs one of ``tasks``."""
    return [str(job.number) for job in records(broker, numbers) if job.task in tasks]


def prune(broker: RedisBroker, ages: Mapping[State, float], limit: int) -> int:
    """Delete up to ``limit`` ended jobs older than their state's age in seconds."""
    gone = 0
    for state, age in ages.items():
        while state in TERMINAL and (left := min(limit - gone, AT_ONCE)) > 0:
            deleted = broker.call("prune", state.value, age, left)
            gone += deleted
            if deleted < left:
                break
    return gone
