"""A claim that is still at the server when the child that sent it is declared dead."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.chaos.bench import Bench
from tests.chaos.checker import Verdict
from tests.chaos.ledger import wait_for
from tests.chaos.scenarios import PATIENT, Size, Stage, judged

WAITING = """select count(*) from pg_locks l join pg_stat_activity a using (pid)
    where l.relation = 'celeriac_queue'::regclass and not l.granted"""


def claims_in_flight(stage: Stage, size: Size) -> Verdict:
    """Kill a child whose claim waits at the server, and let the claim go on after the child was declared dead."""
    with stage.bench(poison_limit=PATIENT, concurrency=1) as bench:
        worker = bench.start()
        for _ in range(size.in_flight):
            claim_outlives_its_child(bench, worker.one("child"))
        return judged(bench, drain=10.0)


def claim_outlives_its_child(bench: Bench, child: int) -> None:
    """Hold up the claims of all, enqueue, kill the child that claims, wait for its burial, let the claims go on.

    Only PostgreSQL lets a statement wait so, and go on without its client.
    """
    import psycopg  # an extra

    settings = bench.settings
    parameters = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(**parameters) as gate, psycopg.connect(**parameters, autocommit=True) as eye:
        _close(gate)
        dead = _count(eye, "select count(*) from celeriac_child where not alive")
        bench.push_all([bench.job("noop") for _ in range(4)])
        wait_for(lambda: _claim_waits(gate, eye), "a claim that waits")
        bench.ledger.write("fault", "claim-in-flight", child)
        os.kill(child, signal.SIGKILL)
        wait_for(
            lambda: _count(eye, "select count(*) from celeriac_child where not alive") > dead, "the child to be declared dead"
        )


def _close(gate: Any) -> None:
    """Only claims read this table, and looks of who is idle, so everything else goes on, a rescue too."""
    gate.execute("lock table celeriac_queue in access exclusive mode")


def _claim_waits(gate: Any, eye: Any) -> bool:
    """Return whether a claim waits at the gate. A look that does is let through, since no claim comes before its end."""
    if _count(eye, f"{WAITING} and query like '%txid_snapshot%'"):
        gate.rollback()
        _close(gate)
    return _count(eye, f"{WAITING} and query like '%for update skip locked%'") > 0


def _count(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
