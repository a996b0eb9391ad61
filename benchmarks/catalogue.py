"""What is measured: systems by engine, and what is to be known of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """One system on one engine, in one configuration."""

    engine: str
    peer: str
    """The adapter: a module of ``benchmarks.peers``."""
    variant: str = ""
    environment: str | None = None
    """A name in ``versions.toml``, or None for this project's own environment."""
    keeps: str = ""
    """What it does not keep, where that makes it faster."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        return f"{self.peer} ({self.variant})" if self.variant else self.peer

    @property
    def ours(self) -> bool:
        """Whether it is this project."""
        return self.peer == "celeriac"

    @property
    def yardstick(self) -> bool:
        """Whether it is a limit to compare with, and no queue that anybody could use."""
        return self.peer in ("minimal", "bare")


_NO_LEASE = "no lease: a killed process loses its job"
_NO_RESULTS = "no results"

SYSTEMS = (
    System("sqlite", "celeriac"),
    System("sqlite", "huey", environment="huey", keeps=_NO_LEASE),
    System("sqlite", "django_tasks_db", environment="django-tasks-db", keeps=_NO_LEASE),
    System("sqlite", "minimal"),
    System("sqlite", "bare"),
    System("postgres", "celeriac"),
    System("postgres", "pgqueuer", environment="pgqueuer", keeps=_NO_RESULTS),
    System("postgres", "procrastinate", environment="procrastinate", keeps=_NO_RESULTS),
    System("postgres", "django_tasks_db", environment="django-tasks-db", keeps=_NO_LEASE),
    System("postgres", "minimal"),
    System("postgres", "bare"),
    System("valkey", "celeriac"),
    System("valkey", "celery", environment="celery", keeps=_NO_LEASE),
    System("valkey", "dramatiq", environment="dramatiq", keeps=_NO_RESULTS),
    System("valkey", "huey", environment="huey", keeps=_NO_LEASE),
    System("valkey", "wakaq", environment="wakaq", keeps=f"{_NO_RESULTS}, {_NO_LEASE}"),
    System("valkey", "minimal"),
    System("valkey", "bare"),
    System("rabbitmq", "celeriac"),
    System("rabbitmq", "celeriac", "valkey"),
    System("rabbitmq", "celery", environment="celery", keeps=_NO_LEASE),
    System("rabbitmq", "celery", "none", "celery", f"{_NO_RESULTS}, {_NO_LEASE}"),
    System("rabbitmq", "dramatiq", environment="dramatiq", keeps=_NO_RESULTS),
    System("mariadb", "celeriac"),
    System("mariadb", "django_tasks_db", environment="django-tasks-db", keeps=_NO_LEASE),
    System("mariadb", "minimal"),
    System("mariadb", "bare"),
)

NOT_TO_BE_HAD = {
    "potatoq": "no package of this name was found on the Python Package Index when the peers were installed",
    "django-ox": "no package of this name was found on the Python Package Index when the peers were installed",
}
"""Peers that the targets name and that nobody can install."""


def systems(engine: str, peers: list[str] | None) -> list[System]:
    """Return what is measured on one engine. The system's Redis stands in for Valkey."""
    known = "valkey" if engine == "redis" else engine
    return [system for system in SYSTEMS if system.engine == known and (not peers or system.peer in peers)]


def peers() -> list[str]:
    """Return the names of all adapters."""
    return sorted({system.peer for system in SYSTEMS})
