"""Where the servers of one measurement are. Adapters make their settings of it, in whatever process they are."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VARIABLE = "BENCHMARK_PLACE"


@dataclass(frozen=True)
class Place:
    """An empty queue to be: a fresh database, or a server without keys or queues."""

    engine: str
    folder: str
    """For files: a SQLite database, logs."""
    variant: str = ""
    """Which of an adapter's configurations is meant."""
    host: str = "127.0.0.1"
    """The server's address, or the folder or path of its Unix socket."""
    port: int = 0
    user: str = ""
    database: str = ""
    url: str = ""
    """Of a broker."""
    results: str = ""
    """URL of a Redis server for results, where that is another one."""
    options: dict[str, Any] = field(default_factory=dict)

    def announce(self) -> dict[str, str]:
        """Return the environment variable that tells other processes."""
        return {VARIABLE: json.dumps(asdict(self))}

    def file(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return str(Path(self.folder) / name)


def place() -> Place:
    """Return the place that this process was told."""
    return Place(**json.loads(os.environ[VARIABLE]))


def script(name: str) -> str:
    """Return the path of a program of this process's environment."""
    return str(Path(sys.prefix) / "bin" / name)
