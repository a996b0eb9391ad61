"""What people ask of an in-memory broker. Every function is called with the data's lock held and returns what it changed."""

from __future__ import annotations

from collections.abc import Collection

from celeriac.engine.brokers.base import Cancel, Command, Pace, Pause, Purge, Resume, RunNow, Unpark
from celeriac.engine.brokers.memory_data import MemoryData
from celeriac.engine.brokers.memory_rates import set_rate
from celeriac.engine.job import TERMINAL, State


def carry_out(data: MemoryData, command: Command, now: float) -> int:
    """Carry out ``command`` at the wall time ``now``; return how many jobs or queues it changed."""
    data.wake_keepers()
    match command:
        case Cancel():
            return sum(_cancel(data, id, command.terminate, now) for id in command.ids)
        case Pause():
            return sum(_pause(data, queue) for queue in command.queues)
        case Resume():
            return sum(_resume(data, queue) for queue in command.queues)
        case Purge():
            return sum(_cancel(data, id, False, now) for id in _purgeable(data, command.queues))
        case Unpark():
            return sum(_unpark(data, id) for id in command.ids or _of_tasks(data, command.tasks))
        case RunNow():
            return sum(_run_now(data, id) for id in command.ids)
        case Pace():
            return set_rate(data, command, now)


def _cancel(data: MemoryData, id: str, terminate: bool, now: float) -> bool:
    entry = data.find(id)
    if entry is None or entry.job.state in TERMINAL:
        return False
    if entry.job.state is State.RUNNING:
        changed = terminate and not entry.doomed
        entry.revoked, entry.doomed = True, entry.doomed or terminate
        return changed
    data.end(entry, State.CANCELLED, now)
    return True


def _pause(data: MemoryData, queue: str) -> bool:
    changed = queue not in data.paused
    data.paused.add(queue)
    return changed


def _resume(data: MemoryData, queue: str) -> bool:
    changed = queue in data.paused
    data.paused.discard(queue)
    if changed:
        data.wake(queue)
    return changed


def _purgeable(data: MemoryData, queues: Collection[str]) -> list[str]:
    jobs = (entry.job for entry in data.entries.values())
    return [job.id for job in jobs if job.queue in queues and job.state in (State.WAITING, State.SCHEDULED)]


def _of_tasks(data: MemoryData, tasks: Collection[str]) -> list[str]:
    return [entry.job.id for entry in data.entries.values() if entry.job.task in tasks]


def _unpark(data: MemoryData, id: str) -> bool:
    entry = data.find(id)
    if entry is None or entry.job.state is not State.PARKED:
        return False
    entry.job.charges, entry.job.finished = 0, None
    data.let_wait(entry)
    return True


def _run_now(data: MemoryData, id: str) -> bool:
    entry = data.find(id)
    if entry is None or entry.job.state is not State.SCHEDULED:
        return False
    data.let_wait(entry)
    return True
