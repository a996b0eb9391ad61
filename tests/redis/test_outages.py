"""Each outage is an unavailable broker that says why, and passes by itself; a connection that breaks is made anew."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.ipc.ready import ready
from celeriac.engine.job import Job
from tests.proxy import Proxy
from tests.redis.conftest import Server
from tests.redis.outages import OUTAGES, until


def a_job(id: str) -> Job:
    return Job(id=id, task="shop.pay", queue="default", payload=b"xx")


def enrol(broker: RedisBroker) -> None:
    info = WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="prefork", concurrency=1, queues=["default"])
    broker.join(info, 600)
    broker.enrol("w", "c")


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_is_an_unavailable_broker_and_passes(server: Server, broker: RedisBroker, name: str) -> None:
    outage = OUTAGES[name]
    broker.push([a_job("before")])
    outage.begin(server)
    with pytest.raises(BrokerUnavailable, match=outage.says):
        broker.push([a_job("during")])
    outage.end(server)
    broker.push([a_job("after")])
    assert [job.id for job in broker.find({}, 10)] == ["after", "before"]


def test_a_cut_connection_is_made_anew_at_once(server: Server, broker: RedisBroker) -> None:
    broker.push([a_job("before")])
    server.admin.client_kill_filter(_type="normal", skipme=True)
    broker.push([a_job("after")])
    assert [job.id for job in broker.find({}, 10)] == ["after", "before"]


def test_what_the_server_forgets_of_our_scripts_it_is_told_again(server: Server, broker: RedisBroker) -> None:
    broker.push([a_job("before")])
    server.admin.script_flush()
    broker.push([a_job("after")])
    assert broker.get("after") is not None


# -- connections that break in silence ---------------------------------------------------------------------------------------


@pytest.fixture
def behind(proxy: Proxy) -> Iterator[RedisBroker]:
    """A broker behind the proxy that is less patient than by default, so that a test need not be."""
    broker = RedisBroker(f"redis://127.0.0.1:{proxy.port}/0?socket_timeout=0.4&health_check_interval=1")
    yield broker
    broker.close()


def test_a_half_open_connection_is_noticed_in_time_and_made_anew(behind: RedisBroker, proxy: Proxy) -> None:
    behind.push([a_job("before")])
    proxy.silence()
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="did not answer"):
        behind.push([a_job("during")])
    assert time.monotonic() - begun < 2.0
    behind.push([a_job("after")])
    assert [job.id for job in behind.find({}, 10)] == ["after", "before"]


def test_a_network_that_stands_still_is_an_outage_that_passes(behind: RedisBroker, proxy: Proxy) -> None:
    behind.push([a_job("before")])
    proxy.stall()
    with pytest.raises(BrokerUnavailable, match="did not answer"):
        behind.push([a_job("during")])
    proxy.resume()
    behind.push([a_job("after")])
    assert {"before", "after"} <= {job.id for job in behind.find({}, 10)}


@pytest.mark.parametrize("cut", ["connection", "server"])
def test_an_idle_child_hears_again_after_a_cut(server: Server, broker: RedisBroker, cut: str) -> None:
    enrol(broker)
    notifier = broker.notifier()
    notifier.arm("c", ["default"])
    if cut == "server":
        server.valkey.interrupt()
        with pytest.raises(BrokerUnavailable):
            notifier.arm("c", ["default"])
        server.valkey.start()
    else:
        server.admin.client_kill_filter(_type="pubsub")
    notifier.drain()
    notifier.arm("c", ["default"])
    assert not notifier.drain()
    other = broker.clone()
    other.push([a_job("new")])
    other.close()
    until(notifier.drain, "the wake-up")


def test_an_idle_child_whose_wake_ups_are_lost_in_silence_listens_anew(
    server: Server, behind: RedisBroker, proxy: Proxy
) -> None:
    enrol(behind)
    other = RedisBroker(server.url())
    assert is_woken(behind, other)
    proxy.silence()
    with pytest.raises(BrokerUnavailable):
        behind.counts()  # on another connection, which is made anew
    assert not is_woken(behind, other)
    until(lambda: is_woken(behind, other), "a wake-up")
    other.close()


def is_woken(idle: RedisBroker, producer: RedisBroker) -> bool:
    """Fall asleep, as an idle child does each second, and return whether the next job wakes it."""
    notifier = idle.notifier()
    notifier.arm("c", ["default"])
    producer.push([a_job(f"job-{time.monotonic_ns()}")])
    return bool(ready([notifier.fileno()], 0.2) and notifier.drain())
