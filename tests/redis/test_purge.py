"""A purge of however many jobs is many short scripts: nobody else waits for it, and it ends in time."""

from __future__ import annotations

import time

from celeriac.engine.brokers.base import Purge
from celeriac.engine.brokers.redis import store
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import a_job
from tests.redis.conftest import Server

WAITING, SCHEDULED = 4 * store.AT_ONCE + 7, 2 * store.AT_ONCE + 3


def test_a_purge_is_carried_out_a_part_at_a_time_and_spares_other_queues(server: Server, broker: RedisBroker) -> None:
    later = {"state": State.SCHEDULED, "run_at": time.time() + 3_600}
    broker.push([a_job(queue="gone") for _ in range(WAITING)])
    broker.push([a_job(queue=queue, **later) for _ in range(SCHEDULED) for queue in ("kept", "gone")])  # type: ignore[arg-type]  # fields of several types
    broker.push([a_job(queue="kept")])
    server.admin.config_resetstat()
    assert broker.control(Purge(queues=("gone", "gone"))) == WAITING + SCHEDULED
    counts = broker.counts()
    assert {state: number for state, number in counts["gone"].items() if number} == {State.CANCELLED: WAITING + SCHEDULED}
    assert counts["kept"] == {State.WAITING: 1, State.SCHEDULED: SCHEDULED}
    scripts = server.admin.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert scripts >= (WAITING + 2 * SCHEDULED) / store.AT_ONCE, "one script would have kept everybody else waiting"
