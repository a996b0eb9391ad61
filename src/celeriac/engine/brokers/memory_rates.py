"""Rate limits of an in-memory broker. Every function is called with the data's lock held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from celeriac.engine.brokers.base import Pace
from celeriac.engine.brokers.memory_data import Entry, MemoryData, Rate
from celeriac.engine.brokers.turns import AHEAD, next_turns
from celeriac.engine.job import Job, State, Token


def admit(data: MemoryData, jobs: Sequence[Job], apart: Mapping[str, float], now: float) -> tuple[set[Token], list[float]]:
    """Give claimed jobs their turns. Returns the tokens that may begin, and the times of the turns still to come."""
    may = {job.token for job in jobs if data.turns.get(job.number) == job.attempts}
    times: list[float] = []
    for task in dict.fromkeys(job.task for job in jobs):
        rest = [job for job in jobs if job.task == task and job.token not in may]
        if not rest:
            continue
        rate = data.rates.setdefault(task, Rate(now))
        spacing = apart.get(task, 0.0) if rate.apart is None else rate.apart
        entries = [entry for job in rest if (entry := data.holder(job.token)) is not None and not entry.doomed]
        on_time, late = _take_turns(data, rate, spacing, entries, now)
        may |= on_time
        times += late
    return may, times


def _take_turns(
    data: MemoryData, rate: Rate, apart: float, entries: Sequence[Entry], now: float
) -> tuple[set[Token], list[float]]:
    if apart <= 0:
        return {entry.job.token for entry in entries}, []
    turns = next_turns(rate.next, now, apart, len(entries))
    on_time = [entry for entry, turn in zip(entries, turns, strict=False) if turn <= now]
    late = entries[len(on_time) :]
    behind = _behind(data, late)
    turns = next_turns(rate.next, now, apart, len(entries) + len(behind))
    rate.next = turns[-1]
    for entry in late:
        data.let_go(entry)
        entry.job.started = entry.job.worker = None
    for entry, turn in zip([*late, *behind], turns[len(on_time) :], strict=False):
        data.turns[entry.job.number] = entry.job.attempts
        data.schedule(entry, turn)
    return {entry.job.token for entry in on_time}, turns[len(on_time) : -1]


def _behind(data: MemoryData, late: Sequence[Entry]) -> list[Entry]:
    """Return what waits behind jobs that are put off, of their task and in their queues, and has no turn yet."""
    if not late:
        return []
    task, queues = late[0].job.task, {entry.job.queue for entry in late}
    waiting = [entry for entry in data.entries.values() if entry.job.state is State.WAITING and entry.job.queue in queues]
    waiting.sort(key=lambda entry: (-entry.job.priority, entry.job.number))
    return [
        entry for entry in waiting[:AHEAD] if entry.job.task == task and data.turns.get(entry.job.number) != entry.job.attempts
    ]


def set_rate(data: MemoryData, command: Pace, now: float) -> int:
    """Set a rate, and let what has a turn under the old one wait for a new one."""
    data.rates[command.task] = Rate(now, command.apart)
    changed = 0
    for number, attempts in list(data.turns.items()):
        entry = data.entries[number]
        if entry.job.task == command.task and entry.job.state is State.SCHEDULED and entry.job.attempts == attempts:
            del data.turns[number]
            data.let_wait(entry)
            changed += 1
    return changed
