"""Rate limits: who may begin now, and when the others may.

The row of a task's rate is locked first, the tasks in order of their names, then live rows; whoever reads the rate waits for
whoever is giving turns away, so no turn is given twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from celeriac.engine.brokers.base import Pace
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.control import Changed
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.turns import AHEAD, next_turns
from celeriac.engine.job import Job, Token


def admit(
    connection: Connection, dialect: Dialect, jobs: Sequence[Job], apart: Mapping[str, float]
) -> tuple[set[Token], float | None]:
    """Give claimed jobs their turns. Returns the tokens that may begin, and when the next of the others is due."""
    given = {(number, attempt) for number, attempt in _turns(connection, dialect, jobs)}
    may = {job.token for job in jobs if (job.number, job.attempts) in given}
    dues: list[float] = []
    for task in sorted({job.task for job in jobs if job.token not in may}):
        rest = [job for job in jobs if job.task == task and job.token not in may]
        on_time, due = _take_turns(connection, dialect, rest, apart.get(task, 0.0))
        may.update(job.token for job in on_time)
        dues += due
    return may, min(dues, default=None)


def _turns(connection: Connection, dialect: Dialect, jobs: Sequence[Job]) -> Sequence[Sequence[int]]:
    return connection.fetch(dialect.sql["turns"], (dialect.among([job.number for job in jobs]),))


def _take_turns(
    connection: Connection, dialect: Dialect, jobs: Sequence[Job], declared: float
) -> tuple[Sequence[Job], list[float]]:
    """Give the jobs of one task their turns. Returns those whose turn it is, and the time of the first that is to come."""
    task = jobs[0].task
    apart, free, now = _rate(connection, dialect, task)
    apart = declared if apart is None else apart
    if apart <= 0:
        return jobs, []
    turns = next_turns(free, now, apart, len(jobs))
    on_time = sum(turn <= now for turn in turns[:-1])
    late = jobs[on_time:]
    behind = [row for queue in sorted({job.queue for job in late}) for row in _behind(connection, dialect, task, queue)]
    turns = next_turns(free, now, apart, len(jobs) + len(behind))
    connection.run(dialect.sql["next_turn"], (dialect.time(turns[-1]), task))
    for job, turn in zip(late, turns[on_time:], strict=False):
        _put_off(connection, dialect, job, turn)
    _put_off_waiting(connection, dialect, task, behind, turns[len(jobs) :])
    return jobs[:on_time], turns[on_time : on_time + 1] if late else []


def _rate(connection: Connection, dialect: Dialect, task: str) -> tuple[float | None, float, float]:
    """Lock the rate of a task. Returns the seconds between turns, where set at run time, the next free turn, and the time."""
    found = connection.fetch(dialect.sql["rate"], (task,))
    if not found:
        connection.run(dialect.sql["first_rate"], (task,))
        found = connection.fetch(dialect.sql["rate"], (task,))
    apart, free, now = found[0]
    return apart, rows.seconds(free) or 0.0, rows.seconds(now) or 0.0


def _behind(connection: Connection, dialect: Dialect, task: str, queue: str) -> Sequence[Sequence[int]]:
    """Return number and attempts of what waits behind a job that is put off, and would be claimed in vain."""
    ahead = [row[0] for row in connection.fetch(dialect.sql["ahead"], (queue, AHEAD))]
    return connection.fetch(dialect.sql["behind"], (dialect.among(ahead), task)) if ahead else []


def _put_off(connection: Connection, dialect: Dialect, job: Job, turn: float) -> None:
    due = dialect.time(turn)
    if connection.run(dialect.sql["put_off"], (due, *job.token)):
        connection.run(dialect.sql["give_turn"], (job.number, job.task, job.attempts, due))


def _put_off_waiting(
    connection: Connection, dialect: Dialect, task: str, behind: Sequence[Sequence[int]], turns: Sequence[float]
) -> None:
    if not behind:
        return
    dues = [dialect.time(turn) for turn in turns]
    pairs = list(zip(behind, dues, strict=False))
    connection.run_many(dialect.sql["put_off_waiting"], [(due, number) for (number, _), due in pairs])
    connection.run_many(dialect.sql["give_turn"], [(number, task, attempts, due) for (number, attempts), due in pairs])


def set_rate(connection: Connection, dialect: Dialect, command: Pace) -> Changed:
    """Set a rate, and let what has a turn under the old one wait for a new one."""
    connection.run(dialect.sql["first_rate"], (command.task,))
    connection.run(dialect.sql["set_rate"], (command.apart, command.task))
    reserved = connection.fetch(dialect.sql["reserved"], (command.task,))
    if reserved:
        numbers = [(job,) for job, _ in reserved]
        connection.run_many(dialect.sql["promote"], numbers)
        connection.run_many(dialect.sql["drop_turn"], numbers)
    return len(reserved), Counter(queue for _, queue in reserved)
