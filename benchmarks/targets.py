"""What is to be reached, as data: a figure of ours, as it is, as a multiple of another system's, or as a share of a limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.figures import Figures

OURS = "celeriac"
DRAIN, ENQUEUE, BULK, SUSTAINED = "drain, jobs/s", "enqueue, jobs/s", "bulk, jobs/s", "sustained, jobs/s"
P50, P99 = "latency p50, ms", "latency p99, ms"


@dataclass(frozen=True)
class Target:
    """At least, or at most, ``goal``. With ``against`` it is the ratio to that system's figure in the same run."""

    engine: str
    figure: str
    bound: Literal[">=", "<="]
    goal: float
    against: str = ""
    on: str = ""
    """The engine of the other system, where that is another one."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        if not self.against:
            return self.figure
        where = f" on {self.on}" if self.on and self.on != self.engine else ""
        return f"{self.figure.partition(',')[0]} against {self.against}{where}"

    def measured(self, figures: Figures) -> float | None:
        """Return what was measured, or None where it was not."""
        ours = figures.get(self.engine, OURS, self.figure)
        if ours is None:
            return None
        if not self.against:
            return ours.median
        other = figures.get(self.on or self.engine, self.against, self.figure)
        return ours.median / other.median if other else None

    def met(self, value: float) -> bool:
        """Return whether that is enough."""
        return value >= self.goal if self.bound == ">=" else value <= self.goal


def _floors(engine: str, drain: float, bulk: float, p50: float, p99: float, sustained: float) -> Iterator[Target]:
    yield Target(engine, DRAIN, ">=", drain)
    yield Target(engine, BULK, ">=", bulk)
    yield Target(engine, P50, "<=", p50)
    yield Target(engine, P99, "<=", p99)
    yield Target(engine, SUSTAINED, ">=", sustained)


def _everywhere(engine: str) -> Iterator[Target]:
    yield Target(engine, "start to first job, s", "<=", 1.5)
    yield Target(engine, "idle, % of a core", "<=", 1.0)
    yield Target(engine, "growth, MB a process", "<=", 10.0)
    if engine != "rabbitmq":
        yield Target(engine, "claim p99, large against small", "<=", 2.0)


def _ratios() -> Iterator[Target]:
    yield Target("sqlite", DRAIN, ">=", 20.0, "celery", "valkey")
    yield Target("sqlite", DRAIN, ">=", 5.0, "huey")
    yield Target("sqlite", DRAIN, ">=", 0.20, "minimal")
    yield Target("sqlite", ENQUEUE, ">=", 0.35, "bare")
    yield Target("sqlite", ENQUEUE, ">=", 10_000.0)
    yield Target("postgres", DRAIN, ">=", 15.0, "celery", "valkey")
    yield Target("postgres", DRAIN, ">=", 0.75, "pgqueuer")
    yield Target("postgres", DRAIN, ">=", 0.40, "minimal")
    yield Target("postgres", ENQUEUE, ">=", 0.70, "bare")
    yield Target("valkey", DRAIN, ">=", 30.0, "celery")
    yield Target("valkey", DRAIN, ">=", 3.0, "wakaq")
    yield Target("valkey", DRAIN, ">=", 0.20, "minimal")
    yield Target("valkey", ENQUEUE, ">=", 0.70, "bare")
    yield Target("valkey", ENQUEUE, ">=", 4.0, "celery")
    yield Target("rabbitmq", DRAIN, ">=", 5.0, "celery")
    yield Target("rabbitmq", DRAIN, ">=", 1.2, "dramatiq")
    yield Target("rabbitmq", ENQUEUE, ">=", 5_000.0)
    yield Target("mariadb", DRAIN, ">=", 8.0, "django_tasks_db")
    yield Target("mariadb", DRAIN, ">=", 0.30, "minimal")
    yield Target("mariadb", ENQUEUE, ">=", 0.70, "bare")


TARGETS = (
    *_ratios(),
    *_floors("sqlite", 30_000, 80_000, 2, 10, 5_000),
    *_floors("postgres", 20_000, 80_000, 2, 10, 2_000),
    *_floors("valkey", 40_000, 100_000, 0.7, 3, 8_000),
    *_floors("rabbitmq", 10_000, 20_000, 1.5, 5, 4_000),
    *_floors("mariadb", 8_000, 30_000, 5, 20, 2_000),
    *(target for engine in ("sqlite", "postgres", "valkey", "rabbitmq", "mariadb") for target in _everywhere(engine)),
    Target("sqlite", "demo worker idle, MB", "<=", 60.0),
    Target("postgres", "claim p99 under an old transaction, ms", "<=", 20.0),
)
"""Those of ratios first: a ratio holds on any machine."""
