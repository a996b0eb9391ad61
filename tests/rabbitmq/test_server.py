"""What becomes of a job on its way over a real RabbitMQ server: published, kept, brought in, acknowledged."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import amqp
import pytest

from celeriac.engine.brokers.base import Cancel, Purge, WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.rabbitmq.address import Address
from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.brokers.rabbitmq.conveyor import Conveyor
from celeriac.engine.brokers.rabbitmq.link import Link
from celeriac.engine.brokers.rabbitmq.parcels import parcels
from celeriac.engine.clock import SystemClock
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Outcome
from celeriac.testing.rabbitmq import RabbitServer
from tests.proxy import Proxy

PATIENCE = 30.0
QUEUE = "mail"


def a_job(id: str = "", **fields: Any) -> Job:
    return Job(id=id or uuid.uuid4().hex, task="shop.pay", payload=b"[[],{},{}]", **{"queue": QUEUE, **fields})


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


@contextmanager
def channel(server: RabbitServer) -> Iterator[Any]:
    """A plain client's channel."""
    with amqp.Connection(f"127.0.0.1:{server.port}") as connection:
        yield connection.channel()


def ready(server: RabbitServer, name: str) -> int:
    with channel(server) as plain:
        return int(plain.queue_declare(name, passive=True).message_count)


def a_child(store: MemoryBroker) -> str:
    info = WorkerInfo(id=uuid.uuid4().hex, name="w@h", host="h", pid=1, pool="prefork", concurrency=1, queues=[QUEUE])
    store.join(info, 600)
    child = uuid.uuid4().hex
    store.enrol(info.id, child)
    return child


def succeeded(token: Token) -> Outcome:
    return Outcome(token=token, state=State.SUCCEEDED, started=1.0, finished=2.0)


@pytest.fixture
def conveyor(broker: RabbitBroker) -> Iterator[Conveyor]:
    conveyor = broker.conveyor([QUEUE], 2)
    yield conveyor
    conveyor.close()


def turn_until(conveyor: Conveyor, reached: Callable[[], object]) -> None:
    """Let the conveyor work until something is so."""
    nobody, _other = socket.socketpair()
    deadline = time.monotonic() + PATIENCE
    with nobody, _other:
        while not reached():
            assert time.monotonic() < deadline, "it never came to that"
            conveyor.turn([nobody])


# -- publishing ----------------------------------------------------------------------------------------------------------------


def test_a_queue_that_is_missing_is_declared_and_replicated_and_the_job_is_in_it(
    rabbitmq: RabbitServer, broker: RabbitBroker
) -> None:
    broker.push([a_job()])
    name = broker.address.queue(QUEUE)
    listed = rabbitmq.control("list_queues", "name", "type", "durable").splitlines()
    assert [line.split("\t") for line in listed if line.startswith(name)] == [[name, "quorum", "true"]]
    assert ready(rabbitmq, name) == 1


def test_an_accepted_job_survives_the_server(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    jobs = [a_job() for _ in range(250)]
    broker.push(jobs[:1])
    rabbitmq.keep_queues()
    broker.push(jobs[1:])
    rabbitmq.restart()
    assert broker.bring_in([QUEUE]) == 250
    assert set(ids(broker.find({}, 1000))) == set(ids(jobs))


def test_a_queue_of_celery_and_ours_live_side_by_side(rabbitmq: RabbitServer, store: MemoryBroker) -> None:
    with channel(rabbitmq) as plain, closing(RabbitBroker(rabbitmq.url(), store)) as broker:
        plain.queue_declare("beside", durable=True, auto_delete=False)
        broker.push([a_job(queue="beside")])
        assert plain.queue_declare("beside", passive=True).message_count == 0
        assert broker.bring_in(["beside"]) == 1


def test_a_queue_that_somebody_declared_otherwise_is_used_as_it_is(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    with channel(rabbitmq) as plain:
        plain.queue_declare(broker.address.queue(QUEUE), durable=True, auto_delete=False)
    broker.push([a_job()])
    assert broker.bring_in([QUEUE]) == 1


def test_a_message_that_the_server_does_not_take_is_an_error(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    limits = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    with channel(rabbitmq) as plain:
        plain.queue_declare(broker.address.queue(QUEUE), durable=True, auto_delete=False, arguments=limits)
    with pytest.raises(BrokerUnavailable, match="a queue is full"):
        for _ in range(50):
            broker.push([a_job()])


def test_a_message_for_a_queue_that_is_just_being_declared_is_taken(broker: RabbitBroker) -> None:
    """The server refuses it for a moment. One in three or so meets that moment, so there are many."""
    declaring, publishing = Link(broker.address, 60), Link(broker.address, 60)
    try:
        for number in range(30):
            job = a_job(queue=f"new{number}")
            thread = threading.Thread(target=declaring.declare, args=(broker.address.queue(job.queue),))
            thread.start()
            time.sleep(number % 3 * 0.002)
            publishing.publish(parcels([job], broker.address))
            thread.join(PATIENCE)
            assert broker.bring_in([job.queue]) == 1
    finally:
        declaring.drop()
        publishing.drop()


def test_a_server_short_of_memory_says_so_instead_of_hanging(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    broker.push([a_job()])
    rabbitmq.control("set_vm_memory_high_watermark", "0.000001")
    try:
        begun = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="its memory or its disk is short"):
            broker.push([a_job()])
        assert time.monotonic() - begun < 6
    finally:
        rabbitmq.control("set_vm_memory_high_watermark", "0.4")
    broker.push([a_job()])


def test_what_is_due_later_goes_to_the_store_at_once(broker: RabbitBroker, store: MemoryBroker) -> None:
    later, now = a_job(state=State.SCHEDULED, run_at=time.time() + 600), a_job()
    broker.push([later, now])
    assert ids(store.find({}, 10)) == [later.id]
    assert broker.bring_in([QUEUE]) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    broker.push([a_job()])
    rabbitmq.control("close_all_connections", "for a test")
    broker.push([a_job()])
    assert broker.bring_in([QUEUE]) == 2


def test_a_connection_that_has_gone_silent_is_noticed_and_made_anew(rabbitmq: RabbitServer, store: MemoryBroker) -> None:
    with closing(Proxy(("127.0.0.1", rabbitmq.port))) as proxy:
        url = rabbitmq.url(prefix=f"{uuid.uuid4().hex}.").replace(str(rabbitmq.port), str(proxy.port))
        with closing(RabbitBroker(url, store)) as broker:
            broker.push([a_job()])
            proxy.silence()
            begun = time.monotonic()
            broker.push([a_job()])
            assert time.monotonic() - begun < 15, "TCP itself gives up after minutes"
            assert broker.bring_in([QUEUE]) == 2


def test_priorities_and_reading_what_waits_are_not_promised(broker: RabbitBroker) -> None:
    assert (broker.capabilities.priority, broker.capabilities.inspect) == (False, False)
    assert (broker.capabilities.transactional, broker.capabilities.delay, broker.capabilities.wakes) == (False, True, True)


def test_an_urgent_job_has_a_priority_at_the_server(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    broker.push([a_job(priority=5), a_job()])
    with channel(rabbitmq) as plain:
        found = [plain.basic_get(broker.address.queue(QUEUE)).properties for _ in range(2)]
    assert sorted(properties.get("priority", 0) for properties in found) == [0, 9]
    assert [properties["delivery_mode"] for properties in found] == [2, 2]


# -- control and reading -------------------------------------------------------------------------------------------------------


def test_a_job_cancelled_on_its_way_reads_as_cancelled_and_never_waits(broker: RabbitBroker, store: MemoryBroker) -> None:
    job, other = a_job(), a_job()
    broker.push([job, other])
    broker.control(Cancel((job.id,)))
    assert [record.state for record in (broker.get(job.id), broker.wait(job.id, 5)) if record] == [State.CANCELLED] * 2
    broker.bring_in([QUEUE])
    assert ids(store.claim([QUEUE], 10, a_child(store))) == [other.id]


def test_a_job_that_is_brought_in_between_two_looks_is_counted(url: str) -> None:
    class Moving(MemoryBroker):
        """A store into which all is brought right after somebody has counted it."""

        def counts(self) -> dict[str, dict[State, int]]:
            counted = super().counts()
            broker.bring_in([QUEUE])
            return counted

    broker = RabbitBroker(url, Moving(SystemClock()))
    broker.push([a_job()])
    assert broker.counts()[QUEUE] == {State.WAITING: 1}
    broker.close()


def test_a_purge_cancels_what_is_still_on_its_way(broker: RabbitBroker) -> None:
    jobs = [a_job() for _ in range(3)]
    for job in jobs:
        broker.push([job])
    broker.push([a_job("elsewhere", queue="other")])
    assert broker.control(Purge((QUEUE,))) == 3
    assert {record.state for job in jobs if (record := broker.get(job.id))} == {State.CANCELLED}
    assert broker.counts()["other"] == {State.WAITING: 1}


def test_waiting_for_a_job_begins_before_it_has_arrived(broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor) -> None:
    job = a_job()
    broker.push([job])
    assert broker.wait(job.id, 0.2) is None
    turn_until(conveyor, lambda: store.get(job.id))
    [claimed] = store.claim([QUEUE], 1, a_child(store))
    store.settle([succeeded(claimed.token)])
    ended = broker.wait(job.id, 5)
    assert ended is not None
    assert ended.state is State.SUCCEEDED


# -- the conveyor --------------------------------------------------------------------------------------------------------------


def test_no_more_is_brought_in_than_there_are_free_places_until_these_are_taken(
    rabbitmq: RabbitServer, broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor
) -> None:
    jobs = [a_job() for _ in range(20)]
    for job in jobs:
        broker.push([job])
    turn_until(conveyor, lambda: store.backlog(QUEUE, 99) >= 2)
    deadline = time.monotonic() + 0.3
    turn_until(conveyor, lambda: time.monotonic() > deadline)
    assert store.backlog(QUEUE, 99) <= 4, "the window, and what the server had sent ahead"
    child, taken = a_child(store), list[str]()

    def take() -> bool:
        taken.extend(ids(store.claim([QUEUE], 5, child)))
        return len(taken) == 20

    turn_until(conveyor, take)
    assert taken == ids(jobs), "each once, in the order of their arrival"


def test_a_worker_without_room_gives_its_messages_back_to_nobody_and_takes_no_more(
    rabbitmq: RabbitServer, broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor
) -> None:
    for _ in range(20):
        broker.push([a_job()])
    turn_until(conveyor, lambda: store.backlog(QUEUE, 99) >= 2)
    name = broker.address.queue(QUEUE)

    def consumers() -> bool:
        with channel(rabbitmq) as plain:
            return plain.queue_declare(name, passive=True).consumer_count > 0

    turn_until(conveyor, lambda: not consumers())
    assert store.backlog(QUEUE, 99) + ready(rabbitmq, name) == 20
    store.control(Purge((QUEUE,)))
    turn_until(conveyor, consumers)


def test_a_message_counts_as_known_where_its_job_was_brought_in_and_the_acknowledgement_was_not(
    rabbitmq: RabbitServer, broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor
) -> None:
    job = a_job()
    broker.push([job, job])
    store.push([job])
    child = a_child(store)
    [claimed] = store.claim([QUEUE], 5, child)
    store.settle([succeeded(claimed.token)])
    turn_until(conveyor, lambda: ready(rabbitmq, broker.address.queue(QUEUE)) == 0)
    assert store.claim([QUEUE], 5, child) == []


def test_a_queue_that_was_deleted_and_declared_again_is_consumed_from(
    rabbitmq: RabbitServer,
    broker: RabbitBroker,
    store: MemoryBroker,
    conveyor: Conveyor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("celeriac.engine.brokers.rabbitmq.conveyor.RENEW", 0.5)
    broker.push([before := a_job()])
    turn_until(conveyor, lambda: store.get(before.id))
    with channel(rabbitmq) as plain:
        plain.queue_delete(broker.address.queue(QUEUE))
    broker.push([after := a_job()])
    deadline = time.monotonic() + PATIENCE
    while store.get(after.id) is None:
        assert time.monotonic() < deadline
        with suppress(BrokerUnavailable):  # a server that does say so
            turn_until(conveyor, lambda: store.get(after.id))


@pytest.mark.parametrize("cut", ["connections", "server"])
def test_the_consumer_is_not_lost_with_a_connection_or_the_server(
    rabbitmq: RabbitServer, broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor, cut: str
) -> None:
    broker.push([before := a_job()])
    turn_until(conveyor, lambda: store.get(before.id))
    if cut == "server":
        rabbitmq.keep_queues()
        rabbitmq.restart()
    else:
        rabbitmq.control("close_all_connections", "for a test")
    broker.push([after := a_job()])
    answered = time.monotonic()
    failed = False
    while store.get(after.id) is None:
        assert time.monotonic() - answered < 3
        try:
            turn_until(conveyor, lambda: store.get(after.id))
        except BrokerUnavailable:
            failed = True
    assert failed, "the cut was noticed"


def test_a_store_that_is_away_keeps_the_messages_with_the_server(
    broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(jobs: object) -> None:
        raise BrokerUnavailable("The store is away.")

    broker.push([job := a_job()])
    with monkeypatch.context() as patch:
        patch.setattr(store, "push", away)
        with pytest.raises(BrokerUnavailable, match="The store is away"):
            turn_until(conveyor, lambda: False)
    turn_until(conveyor, lambda: store.get(job.id))


def test_a_message_that_cannot_be_read_is_parked_and_keeps_nobody_out(
    rabbitmq: RabbitServer, broker: RabbitBroker, store: MemoryBroker, conveyor: Conveyor
) -> None:
    broker.push([first := a_job()])
    with channel(rabbitmq) as plain:
        plain.basic_publish(amqp.Message(b"not ours", message_id="strange"), "", broker.address.queue(QUEUE))
    turn_until(conveyor, lambda: store.get(first.id) and store.get("strange"))
    parked = store.get("strange")
    assert parked is not None
    assert (parked.state, parked.payload) == (State.PARKED, b"not ours")
    [attempt] = store.attempts("strange")
    assert attempt.failure is not None
    assert "cannot be read" in attempt.failure.message


def test_clones_share_the_connections_of_their_process(rabbitmq: RabbitServer, broker: RabbitBroker) -> None:
    assert broker.clone().address.url == Address(broker.url).url
    for _ in range(5):
        broker.clone().push([a_job()])
    own = [line for line in rabbitmq.control("list_connections", "pid", "client_properties").splitlines() if "Celeriac" in line]
    assert len(own) == 1
