"""One measurement in a process of its own, because Django's settings hold for the life of one."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import django
from django.core.management import call_command

from benchmarks.databases import database


def measure(engine: str, workload: str, jobs: int) -> dict[str, float]:
    """Run one workload once, on an empty database, in this process."""
    with database(engine):
        django.setup()
        call_command("migrate", verbosity=0)
        from benchmarks.workloads import WORKLOADS  # imports tasks, which needs Django's settings

        return WORKLOADS[workload](jobs)


def measure_apart(engine: str, workload: str, jobs: int) -> dict[str, float]:
    """The same in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, engine, workload, jobs).result()
