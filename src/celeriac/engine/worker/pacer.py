"""Keeps a child to the rate limits of tasks. A child that meets no limited task asks the broker nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from celeriac.engine.job import Job
from celeriac.engine.registry import Registry

REFRESH_EVERY = 5.0
"""Seconds after which a rate that somebody set at run time is known here."""


class Pacer:
    """Which tasks have a limit, by the code or by somebody's word. Owned by the child's main thread."""

    def __init__(self, registry: Registry, broker: Any, every: float = REFRESH_EVERY) -> None:
        self._every = every
        self._registry = registry
        self._broker = broker
        self._refreshed = -math.inf
        self._apart: dict[str, float] = {}
        self._limited: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Every so often: ask anew which tasks have a limit."""
        now = time.monotonic()
        if now - self._refreshed < self._every:
            return
        self._refreshed = now
        self._apart = {name: apart for name, task in self._registry.items() if (apart := task.apart) > 0}
        self._limited = frozenset(self._broker.paced().keys() | self._apart.keys())

    def admit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return the claimed jobs that may begin. The others were scheduled for their turns, and are not ours any more."""
        limited = [job for job in jobs if job.task in self._limited] if self._limited else ()
        if not limited:
            return jobs
        may = self._broker.admit(limited, self._apart)
        return [job for job in jobs if job.task not in self._limited or job.token in may]
