"""Reading and forgetting: the store's half of the Redis engine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.engine.brokers.base import Found, QueueInfo, Snapshot, WorkerInfo
from celeriac.engine.brokers.redis.encoding import kept, remembered, stored_attempt, stored_job
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.brokers.searching import looked_through
from celeriac.engine.job import LIVE, TERMINAL, Job, State
from celeriac.engine.outcome import Attempt, Outcome

if TYPE_CHECKING:
    from celeriac.engine.brokers.redis.broker import RedisBroker

POLL = 1.0
"""Seconds between looks while waiting for a result, should a wake-up get lost."""
AT_ONCE = 500
"""Records that one script deletes, keeps or cancels: a longer one would keep everybody else waiting."""
THOUSAND = 1000
"""Numbers of which the server knows how many have a job."""
PART = 100
"""Records read at once: a list on a page shows fewer."""
SHORT = 10_000
"""Jobs in a state up to which a search for it begins at the list of them."""
_LISTS = frozenset({State.RUNNING, State.SCHEDULED, State.PARKED, State.FAILED, State.CANCELLED, State.EXPIRED})
_worker = msgspec.json.Decoder(WorkerInfo).decode
_SHOWN = frozenset({State.WAITING, State.SCHEDULED, State.RUNNING, State.PARKED})
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
    for job in _newest(broker, where.get("state"), before):
        if len(found) >= limit:
            break
        if all(getattr(job, name) == value for name, value in where.items()):
            found.append(job)
    return found


def _newest(broker: RedisBroker, state: Any, before: int | None) -> Iterator[Job]:
    """Yield the records among which those of a state are, the newest first, a part at a time."""
    listed = _listed(broker, state)
    if listed is None:
        yield from _all(broker, before)
        return
    numbers = sorted((number for number in listed if before is None or number < before), reverse=True)
    for start in range(0, len(numbers), PART):
        yield from records(broker, numbers[start : start + PART])


def _listed(broker: RedisBroker, state: Any) -> list[int] | None:
    """Return the numbers of the jobs in a state where a list has them and is short; None where everything is to be read."""
    if state not in _LISTS or sum(of_queue.get(state, 0) for of_queue in counts(broker).values()) > SHORT:
        return None
    prefix = broker.prefix
    match state:
        case State.RUNNING:
            found = broker.do(lambda client: client.hkeys(f"{prefix}claims"))
        case State.SCHEDULED:
            found = broker.do(lambda client: client.zrange(f"{prefix}due", 0, -1))
        case State.PARKED:
            found = broker.do(lambda client: client.smembers(f"{prefix}parked"))
        case _:
            rows = broker.do(lambda client: client.lrange(f"{prefix}ended:{state.value}", 0, -1))
            found = [number for row in rows for number in row.split()[1:]]
    return [int(number) for number in found if number]  # the claims have an empty one


def _all(broker: RedisBroker, before: int | None) -> Iterator[Job]:
    """Yield every record: of each thousand numbers in which there is a job."""
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


def search(broker: RedisBroker, where: Mapping[str, Any], limit: int, before: int | None, depth: int, text: str) -> Found:
    """Return what fits of the next ``depth`` records: of a state's own list, where there is one and it is short."""
    return looked_through(_newest(broker, where.get("state"), before), where, limit, depth, text)


def counts(broker: RedisBroker) -> dict[str, dict[State, int]]:
    """Return the number of jobs by queue and state."""
    counted: dict[str, dict[State, int]] = {}
    for field, number in broker.do(lambda client: client.hgetall(f"{broker.prefix}counts")).items():
        state, _, queue = field.decode().partition(":")
        if int(number):
            counted.setdefault(queue, {})[State(state)] = int(number)
    return counted


def snapshot(broker: RedisBroker) -> Snapshot:
    """Return what is to be done."""
    now, newest, flat, paused, firsts = broker.call("snapshot")
    queues: dict[str, QueueInfo] = {}

    def queue(name: str) -> QueueInfo:
        return queues.setdefault(name, QueueInfo(name=name))

    for field, number in zip(flat[::2], flat[1::2], strict=True):
        state, _, name = field.decode().partition(":")
        if int(number) and state in _SHOWN:
            setattr(queue(name), state, int(number))
    for name in paused:
        queue(name.decode()).paused = True
    for job in map(stored_job, firsts):
        queue(job.queue).oldest = max(job.created or 0.0, job.run_at or 0.0)
    return Snapshot(time=float(now), newest=int(newest), queues=[queues[name] for name in sorted(queues)])


def failures(broker: RedisBroker, seconds: float, limit: int) -> list[Job]:
    """Return the jobs that failed lately, the latest first."""
    return [stored_job(row) for row in broker.call("failures", seconds, limit)]


def workers(broker: RedisBroker) -> list[WorkerInfo]:
    """Return the living workers, in the order of their names."""
    found = []
    flat = broker.call("workers")
    for row, lease in zip(flat[::2], flat[1::2], strict=True):
        joined, _, data = row.partition(b" ")
        found.append(msgspec.structs.replace(_worker(data), started=float(joined), lease=float(lease)))
    return sorted(found, key=lambda worker: (worker.name, worker.id))


def remember(broker: RedisBroker, job: Job, outcome: Outcome) -> None:
    """Keep the record of a job that has run without being enqueued."""
    broker.call("remember", *remembered(job, outcome))


def ended(broker: RedisBroker, limit: int, place: int) -> tuple[list[Record], int]:
    """Return the records of ended jobs, of each state those that ended first, and the place in their lists to look on from."""
    found, after = broker.call("ended", min(limit, AT_ONCE), place)
    return [Record(stored_job(row), [stored_attempt(data) for data in attempts]) for row, attempts in found], int(after)


def keep(broker: RedisBroker, records: Sequence[Record]) -> set[str]:
    """Keep the records of jobs that ended elsewhere. Returns the ids of those that are live here."""
    live: set[str] = set()
    for start in range(0, len(records), AT_ONCE):
        live.update(id.decode() for id in broker.call("keep", *kept(records[start : start + AT_ONCE])))
    return live


def numbers_of(broker: RedisBroker, ids: Iterable[str]) -> list[str]:
    """Return the numbers of known jobs."""
    keys = [f"{broker.prefix}i:{id}" for id in dict.fromkeys(ids)]
    found = broker.do(lambda client: client.mget(keys)) if keys else []
    return [number.decode() for number in found if number is not None]


def of_tasks(broker: RedisBroker, numbers: list[int], tasks: Sequence[str]) -> list[str]:
    """Return those of ``numbers`` whose job runs one of ``tasks``."""
    return [str(job.number) for job in records(broker, numbers) if job.task in tasks]


def purge(broker: RedisBroker, queues: Sequence[str]) -> int:
    """Cancel as many waiting and scheduled jobs as there are now in these queues: what comes meanwhile does not prolong it."""
    waiting = sum(_size(broker, f"w:{queue}") for queue in dict.fromkeys(queues))
    gone, scheduled, place = 0, _size(broker, "due"), 0
    while gone < waiting and (some := broker.call("purge", min(AT_ONCE, waiting - gone), *queues)):
        gone += some
    for _ in range(0, scheduled, AT_ONCE):
        some, place = broker.call("purgedue", place, AT_ONCE, *queues)
        gone += some
    return gone


def _size(broker: RedisBroker, name: str) -> int:
    return int(broker.do(lambda client: client.zcard(f"{broker.prefix}{name}")))


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
