"""What people ask of the queue: cancel, pause, resume, purge, let parked jobs wait again.

Each runs inside one transaction and returns how many it changed, and the queues that have new work. A purge is called again as
long as it finds a whole batch, so that nobody waits long for its locks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from celeriac.engine.brokers.base import Cancel, Pause, Purge, Resume, RunNow, Unpark
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.job import State

Changed = tuple[int, Mapping[str, int]]
PURGE_BATCH = 1000


def cancel(connection: Connection, dialect: Dialect, command: Cancel) -> Changed:
    """Cancel what waits; doom what is claimed where ``terminate`` asks for it, else see that it does not start again."""
    changed = 0
    for id in command.ids:
        for number, state in connection.fetch(dialect.sql["numbers"], (id,)):
            if connection.run(dialect.sql["cancel_live"], (number,)):
                changed += connection.run(dialect.sql["cancel_record"], (number,))
            elif state == State.PARKED:
                changed += connection.run(dialect.sql["cancel_parked"], (number,))
            elif command.terminate:
                changed += connection.run(dialect.sql["doom"], (number,))
            else:
                connection.run(dialect.sql["revoke"], (number,))
    return changed, {}


def pause(connection: Connection, dialect: Dialect, command: Pause) -> Changed:
    """Stop handing out jobs of some queues."""
    return sum(_set_paused(connection, dialect, queue, True) for queue in command.queues), {}


def resume(connection: Connection, dialect: Dialect, command: Resume) -> Changed:
    """Hand them out again, and wake everybody who waits for them."""
    changed = sum(_set_paused(connection, dialect, queue, False) for queue in command.queues)
    return changed, Counter(dict.fromkeys(command.queues, 1000))


def _set_paused(connection: Connection, dialect: Dialect, queue: str, paused: bool) -> int:
    connection.run(dialect.sql["queue"], (queue,))
    return connection.run(dialect.sql["pause"], (paused, queue, paused))


def purge(connection: Connection, dialect: Dialect, command: Purge) -> Changed:
    """Cancel up to ``PURGE_BATCH`` jobs that wait or are scheduled in some queues."""
    numbers: list[int] = []
    for queue in dict.fromkeys(command.queues):
        room = PURGE_BATCH - len(numbers)
        numbers += [row[0] for row in connection.fetch(dialect.sql["purgeable"], (queue, room))]
    if numbers:
        connection.run(dialect.sql["purge_live"], (dialect.among(numbers),))
        connection.run(dialect.sql["purge_records"], (dialect.among(numbers),))
    return len(numbers), {}


def unpark(connection: Connection, dialect: Dialect, command: Unpark) -> Changed:
    """Let parked jobs wait again, with a clean record of charges."""
    column, values = ("id", command.ids) if command.ids else ("task", command.tasks)
    queues: Counter[str] = Counter()
    for value in values:
        for number, queue in connection.fetch(dialect.sql["parked"].format(column=column), (value,)):
            connection.run(dialect.sql["unpark_live"], (number,))
            connection.run(dialect.sql["unpark_record"], (number,))
            queues[queue] += 1
    return sum(queues.values()), queues


def run_now(connection: Connection, dialect: Dialect, command: RunNow) -> Changed:
    """Let scheduled jobs wait."""
    queues: Counter[str] = Counter()
    for id in command.ids:
        for number, queue in connection.fetch(dialect.sql["scheduled"], (id,)):
            queues[queue] += connection.run(dialect.sql["promote"], (number,))
    return sum(queues.values()), queues
