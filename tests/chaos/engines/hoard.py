"""All connections of a database server taken, and those that others have ended: what a server runs out of first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

LOOK_EVERY = 0.02


@contextmanager
def hoarded(connect: Callable[[], Any], end_others: Callable[[Any], None], refused: type[Exception]) -> Iterator[None]:
    """Hold every connection of a server inside: whatever becomes free is taken at once.

    ``connect`` opens one and raises ``refused`` where there is no other; ``end_others`` ends those that are not ours.
    """
    held = [connect()]
    _take(held, connect, refused)
    end_others(held[0])
    enough = threading.Event()

    def hold() -> None:
        while not enough.wait(LOOK_EVERY):
            _take(held, connect, refused)

    holder = threading.Thread(target=hold, name="hoard", daemon=True)
    holder.start()
    try:
        yield
    finally:
        enough.set()
        holder.join()
        for connection in held:
            with suppress(refused):
                connection.close()


def _take(held: list[Any], connect: Callable[[], Any], refused: type[Exception]) -> None:
    with suppress(refused):
        while True:
            held.append(connect())
