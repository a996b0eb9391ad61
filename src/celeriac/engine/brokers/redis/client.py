"""redis-py's client of one server, with little of its own work around a command.

What the client does for each command (its pool, its retries, its metrics) takes about as long as the way there and back.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from redis import Redis
from redis import exceptions as driver


class DirectClient(Redis):
    """Sends each command on a connection that nobody else has meanwhile. Listening (``pubsub``) is redis-py's.

    Any thread may call: taking a connection and giving it back is atomic.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._free: deque[tuple[int, Any]] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and return the answer. One that meets a broken connection is sent once more, on a new one.

        Raises what redis-py raises.
        """
        try:
            return self._ask(self._take(), args, options)
        except driver.ConnectionError:  # the server may have closed it while it was idle
            return self._ask(self._make(), args, options)

    def close(self) -> None:
        """Close every connection that is not in use."""
        while self._free:
            self._free.pop()[1].disconnect()
        super().close()

    def _ask(self, connection: Any, command: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """A connection is given back only with its answer read, so one that a time limit interrupts is never used again."""
        try:
            connection.send_command(*command)
            answer = self.parse_response(connection, command[0], **options)  # type: ignore[no-untyped-call]  # redis-py's
        except driver.ResponseError:
            self._free.append((os.getpid(), connection))
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._free.append((os.getpid(), connection))
        return answer

    def _take(self) -> Any:
        """Return the connection that was used last, or a new one. What a fork inherited belongs to the parent."""
        while True:
            try:
                process, connection = self._free.pop()
            except IndexError:
                return self._make()
            if process == os.getpid():
                return connection

    def _make(self) -> Any:
        """Return a new connection of the kind that the pool makes. That of a Sentinel's asks here who the master is."""
        pool = self.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        connection.connect()
        return connection
