"""What is measured, one workload a module: a function from a ``Bench`` to figures by name. None knows which system it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.catalogue import System
from benchmarks.workloads.bulk import bulk
from benchmarks.workloads.claims import claims
from benchmarks.workloads.demo import demo
from benchmarks.workloads.drain import drain
from benchmarks.workloads.enqueue import enqueue
from benchmarks.workloads.footprint import footprint
from benchmarks.workloads.growth import growth
from benchmarks.workloads.held import held
from benchmarks.workloads.latency import latency
from benchmarks.workloads.sustained import sustained


@dataclass(frozen=True)
class Workload:
    """A workload, who takes part, and how long it takes."""

    run: Callable[[Bench], dict[str, float]]
    seconds: float
    """About, for one system, once."""
    quick_seconds: float
    takes_part: Callable[[System], bool]
    once: bool = False
    """Too long to be repeated."""
    usual: bool = True
    """Whether it is measured when nobody names workloads."""


def _all(system: System) -> bool:
    return True


def _queues(system: System) -> bool:
    return not system.yardstick


def _drains(system: System) -> bool:
    return system.peer != "bare"


def _enqueues(system: System) -> bool:
    return system.peer != "minimal"


def _ours(system: System) -> bool:
    return system.ours


def _ours_in_store(system: System) -> bool:
    return system.ours and system.engine != "rabbitmq"


def _ours_on_sqlite(system: System) -> bool:
    return system.ours and system.engine == "sqlite"


def _ours_on_postgres(system: System) -> bool:
    return system.ours and system.engine == "postgres"


WORKLOADS: Mapping[str, Workload] = {
    "drain": Workload(drain, 16, 7, _drains),
    "enqueue": Workload(enqueue, 6, 3, _enqueues),
    "bulk": Workload(bulk, 6, 3, _enqueues),
    "latency": Workload(latency, 16, 6, _queues),
    "sustained": Workload(sustained, 28, 10, _queues),
    "footprint": Workload(footprint, 20, 9, _queues),
    "demo": Workload(demo, 20, 10, _ours_on_sqlite),
    "claims": Workload(claims, 120, 25, _ours_in_store, once=True),
    "growth": Workload(growth, 120, 20, _ours, once=True),
    "held": Workload(held, 660, 30, _ours_on_postgres, once=True, usual=False),
}
QUICK = ("drain", "enqueue", "bulk", "latency")
"""What ``--quick`` measures."""
