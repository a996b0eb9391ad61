"""Tasks that a test shares with every app there is, withdrawn at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celeriac import current


@contextmanager
def unknown_elsewhere() -> Iterator[dict[str, Any]]:
    """Take from every app what is shared inside: other tests count the tasks and queues of theirs. Yields what it was."""
    before, ours = dict(current._shared), dict[str, Any]()
    try:
        yield ours
    finally:
        ours.update({name: task for name, task in current._shared.items() if before.get(name) is not task})
        for name in ours:
            del current._shared[name]
            for app in current.apps():
                if name in app.tasks:
                    app.tasks.unregister(name)
