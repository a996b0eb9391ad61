"""Commands on connections of their own: none meets another's answer, and a broken connection costs nothing that was asked."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.redis.client import DirectClient
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome, claim_some, ids, some_jobs
from tests.redis.conftest import Server


class Interrupted(Exception):
    """What a soft time limit raises: anywhere."""


@pytest.fixture
def client(broker: RedisBroker) -> DirectClient:
    client = broker.client
    assert isinstance(client, DirectClient)
    return client


def calls(server: Server, command: str) -> int:
    return int(server.admin.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


@pytest.fixture
def interrupting() -> Iterator[None]:
    """Let an alarm interrupt whatever runs."""

    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("interrupting")
def test_an_answer_that_nobody_waited_for_is_nobody_elses(client: DirectClient, server: Server) -> None:
    assert client.echo("first") == b"first"
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Interrupted):
        client.blpop(["nothing"], 5)
    server.admin.rpush("nothing", "late")
    assert client.echo("second") == b"second"


def test_an_interruption_between_question_and_answer_costs_the_connection(
    client: DirectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **options: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(client, "parse_response", interrupted)
        client.echo("first")
    assert client.echo("second") == b"second"


def test_a_refused_command_spoils_no_connection(client: DirectClient, server: Server) -> None:
    client.set("text", "a")
    before = server.admin.info("stats")["total_connections_received"]
    with pytest.raises(Exception, match="not an integer"):
        client.incr("text")
    assert client.get("text") == b"a"
    assert server.admin.info("stats")["total_connections_received"] == before


def test_a_connection_that_the_server_closed_is_made_anew(client: DirectClient, server: Server) -> None:
    client.echo("before")
    server.admin.client_kill_filter(_type="normal", skipme=True)
    assert client.echo("after") == b"after"


def test_threads_that_ask_at_once_get_their_own_answers(client: DirectClient) -> None:
    wrong: list[object] = []

    def ask(name: str) -> None:
        wrong.extend(answer for _ in range(200) if (answer := client.echo(name)) != name.encode())

    threads = [threading.Thread(target=ask, args=(f"thread {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


def test_a_fork_leaves_its_parents_connections_alone(client: DirectClient) -> None:
    mine = client.client_id()
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, str(client.client_id()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(read, 20)) != mine
    assert client.client_id() == mine


def test_a_closed_client_has_closed_its_connections_and_may_be_used_again(client: DirectClient, server: Server) -> None:
    mine = client.client_id()
    client.close()
    assert mine not in {int(each["id"]) for each in server.admin.client_list()}
    assert client.echo("again") == b"again"


def test_one_command_settles_a_batch_and_claims_the_next(broker: RedisBroker, server: Server) -> None:
    child = a_child(broker)
    ended = claim_some(broker, 200, child)
    broker.push(waiting := some_jobs(200))
    broker.exchange([], ["default"], 0, child)  # the server knows the script
    before = calls(server, "evalsha")
    refused, jobs = broker.exchange([an_outcome(job) for job in ended], ["default"], 200, child)
    assert calls(server, "evalsha") == before + 1
    assert (refused, ids(jobs)) == (set(), ids(waiting))


def test_a_search_for_what_is_parked_reads_nothing_else(broker: RedisBroker, server: Server) -> None:
    child = a_child(broker)
    bad = claim_some(broker, 2, child)
    broker.settle([an_outcome(job, State.PARKED) for job in bad])
    broker.push([a_job() for _ in range(300)])
    before = calls(server, "hgetall")
    found = broker.find({"state": State.PARKED}, 10)
    assert ids(found) == [job.id for job in reversed(bad)]
    assert calls(server, "hgetall") - before <= len(bad) + 1, "the counts, and each record that is read"
    assert ids(broker.find({"state": State.PARKED}, 10, before=found[0].number)) == [bad[0].id]
    assert broker.find({"state": State.PARKED, "task": "another"}, 10) == []
