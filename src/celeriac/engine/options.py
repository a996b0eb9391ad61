"""What a worker was told: decided once at start, sent as JSON from the process that imported the project to the master."""

from __future__ import annotations

import os

import msgspec

POOLS = ("prefork", "threads", "solo", "asyncio")
HAS_FORK = hasattr(os, "fork")
"""False on Windows: a worker is one process there."""
COROUTINES = 200
FEW_THREADS = 20
DEFAULT_POOL = "prefork" if HAS_FORK else "threads"


class WorkerOptions(msgspec.Struct, kw_only=True):
    """Times in seconds. ``concurrency``: children of prefork, threads of threads, coroutines of asyncio."""

    name: str
    pool: str = DEFAULT_POOL
    concurrency: int = 2
    queues: list[str] = msgspec.field(default_factory=lambda: ["celery"])
    broker: str = "django://default"
    results: str | None = None
    """Where ended jobs move to; None: they stay at the broker."""
    tasks: list[str] = msgspec.field(default_factory=list)
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    """KiB of resident memory after which a child is replaced."""
    lease: float = 15.0
    renew_every: float = 5.0
    poison_limit: int = 3
    keep: dict[str, float] = msgspec.field(default_factory=dict)
    """Seconds that ended jobs are kept, by state."""
    max_log_bytes: int = 65_536
    coroutines: int = COROUTINES
    """How many ``async def`` jobs one child runs at a time."""
    kill_after: float = 5.0
    """How long a thread or a coroutine may take to obey before its process is killed."""
    herald: bool = False
    """Whether somebody wants to hear what becomes of the worker as a whole."""
    language: str = ""
    """What the project's texts are shown in, for the processes that do not know Django."""
    summary: list[str] = msgspec.field(default_factory=list)
    """Lines of the start-up text that only the project knows."""
    schedule: list[str] = msgspec.field(default_factory=list)
    """More of them: the periodic tasks in words."""

    @property
    def threads(self) -> int:
        """How many sync jobs a child runs at a time in a pool of threads; in asyncio they are the exception."""
        return min(self.concurrency, FEW_THREADS) if self.pool == "asyncio" else self.concurrency

    @property
    def processes(self) -> int:
        """How many children the worker has."""
        return self.concurrency if self.pool == "prefork" else 1
