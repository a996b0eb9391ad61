"""A Cluster, and Sentinels with a failover: real processes of Valkey and of Redis on loopback."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from celeriac.testing.redis import RedisServer, require_redis
from celeriac.testing.servers import free_port
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.redis.acl import CLUSTERS, LOGIN, administrator, make_user, refused

PATIENCE = 30.0


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def a_job(id: str) -> Job:
    return Job(id=id, task="shop.pay", queue="default", payload=b"[[], {}, null]")


def enrol(broker: RedisBroker) -> None:
    info = WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="prefork", concurrency=1, queues=["default"])
    broker.join(info, 600)
    broker.enrol("w", "c")


def run_all(broker: RedisBroker) -> list[str]:
    """Claim what waits and settle it; return the ids."""
    jobs = broker.claim(["default"], 10, "c")
    ends = [Outcome(token=job.token, state=State.SUCCEEDED, started=1.0, finished=2.0, result=b"1") for job in jobs]
    assert broker.settle(ends) == set()
    return [job.id for job in jobs]


def valkey(settings: dict[str, str]) -> ValkeyServer:
    require_valkey()
    return ValkeyServer({"bind": "127.0.0.1", **settings})


def real_redis(settings: dict[str, str]) -> ValkeyServer:
    require_redis()
    return RedisServer({"bind": "127.0.0.1", **settings})


MakeServer = Callable[[dict[str, str]], ValkeyServer]


@pytest.fixture(params=[valkey, real_redis])
def make_server(request: pytest.FixtureRequest) -> MakeServer:
    """Makes servers of one kind."""
    make: MakeServer = request.param
    return make


@pytest.fixture
def cluster(make_server: MakeServer) -> Iterator[RedisBroker]:
    """A broker on a Cluster of three masters, as the user with the rights that the page lists, and no others."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        buses = [free_port() for _ in range(3)]
        nodes: list[redis.Redis] = []
        for port, bus in zip(ports, buses, strict=True):
            server = make_server({"port": str(port), "cluster-enabled": "yes", "cluster-port": str(bus)})
            nodes.append(stack.enter_context(administrator(stack.enter_context(server))))
        for nth, node in enumerate(nodes):
            make_user(node, CLUSTERS)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", nth * 5461, 16383 if nth == 2 else nth * 5461 + 5460)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", nth + 1)
        for node in nodes[1:]:
            node.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0], buses[0])
        until(lambda: all(b"cluster_state:ok" in state(node) for node in nodes), "the cluster")
        broker = RedisBroker(f"redis+cluster://{LOGIN}127.0.0.1:{ports[1]}?namespace=shop")
        yield broker
        broker.close()
        assert [word for node in nodes for word in refused(node)] == []


def state(node: redis.Redis) -> bytes:
    answer = node.execute_command("CLUSTER", "INFO")
    return answer if isinstance(answer, bytes) else str(answer).replace("'", "").replace(": ", ":").encode()


def test_jobs_live_and_idle_children_wake_on_a_cluster(cluster: RedisBroker) -> None:
    cluster.open()
    enrol(cluster)
    notifier = cluster.notifier()
    notifier.arm("c", ["default"])
    producer = cluster.clone()
    producer.push([a_job("one"), a_job("two")])
    until(notifier.drain, "the wake-up")
    assert run_all(cluster) == ["one", "two"]
    ended = producer.wait("two", 5)
    assert ended is not None
    assert ended.state is State.SUCCEEDED
    assert [job.id for job in producer.find({}, 10)] == ["two", "one"]
    assert producer.counts() == {"default": {State.SUCCEEDED: 2}}
    assert producer.prune({State.SUCCEEDED: 0.0}, 10) == 2
    producer.close()


@pytest.fixture
def failing_over(make_server: MakeServer, tmp_path: Path) -> Iterator[tuple[ValkeyServer, str]]:
    """A master that may be stopped, and the URL of the Sentinel that puts its replica in its place."""
    master_port, replica_port, port = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        master = stack.enter_context(make_server({"port": str(master_port), "repl-diskless-sync-delay": "0"}))
        replica = stack.enter_context(make_server({"port": str(replica_port)}))
        other = redis.Redis(unix_socket_path=str(replica.socket))
        other.replicaof("127.0.0.1", str(master_port))
        until(lambda: other.info("replication")["master_link_status"] == "up", "the replica")
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nsentinel monitor jobs 127.0.0.1 {master_port} 1\n"
            "sentinel down-after-milliseconds jobs 1000\nsentinel failover-timeout jobs 2000\n"
        )
        with (tmp_path / "log").open("wb") as log:
            sentinel = subprocess.Popen([str(master.program), str(configuration), "--sentinel"], stdout=log, stderr=log)
        stack.callback(sentinel.wait)
        stack.callback(sentinel.kill)
        asked = redis.Redis(port=port)
        until(lambda: knows_a_replica(asked), "the Sentinel to know the replica")
        yield master, f"sentinel://127.0.0.1:{port}/0?sentinel_master=jobs"
        asked.close()
        other.close()


def knows_a_replica(sentinel: redis.Redis) -> bool:
    try:
        return bool(sentinel.sentinel_slaves("jobs"))
    except redis.ConnectionError:
        return False


def test_a_failover_is_an_outage_that_passes(failing_over: tuple[ValkeyServer, str]) -> None:
    master, url = failing_over
    broker = RedisBroker(url)
    broker.open()
    enrol(broker)
    broker.push([a_job("before")])
    until(lambda: replicated(broker), "the replica to have it")
    master.interrupt()
    with pytest.raises(BrokerUnavailable):
        broker.push([a_job("during")])

    def pushed() -> bool:
        try:
            broker.push([a_job("after")])
        except BrokerUnavailable:
            return False
        return True

    until(pushed, "the failover")
    assert sorted(run_all(broker)) == ["after", "before"]
    broker.close()


def replicated(broker: RedisBroker) -> bool:
    return int(broker.client.wait(1, 1000)) == 1
