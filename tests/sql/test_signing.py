"""Whoever may write to the database and has no key: each thing they can do to a row, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from celeriac.app import Celery
from celeriac.engine.brokers.base import Unpark, WorkerInfo
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from tests.chaos.ledger import wait_for

KEY, OTHER = "the key of the project", "the key of somebody else"
QUEUES = ["celery", "vip"]


@pytest.fixture
def app(alias: str) -> Iterator[Celery]:
    app = Celery("signed", broker=f"django://{alias}", changes={"signing_keys": [KEY]})

    @app.task(bind=True, name="pay")
    def pay(self: Any, amount: int, again: str | None = None) -> int:
        if again == "arguments" and not self.request.retries:
            self.retry(args=(amount + 1, again), countdown=0)
        if again == "queue" and not self.request.retries:
            self.retry(queue="vip", countdown=0)
        return amount

    app.task(name="refund")(lambda amount: amount)
    yield app
    app.close()


class Worker:
    """Claims, runs and settles in the test's own thread, on a connection of its own."""

    def __init__(self, app: Celery, broker: SQLBroker) -> None:
        self.app, self.broker = app, broker
        info = WorkerInfo(id="w", name="w@test", host="test", pid=1, pool="solo", concurrency=1, queues=QUEUES)
        broker.join(info, 1e6)
        broker.enrol("w", "c")

    def run(self, queues: list[str] = QUEUES) -> list[Outcome]:
        """Run what waits until nothing does."""
        outcomes: list[Outcome] = []
        while True:
            self.broker.promote(100)
            jobs = self.broker.claim(queues, 10, "c")
            if not jobs:
                return outcomes
            runner = self.app.runner(hostname="w@test", queues=queues)
            ended = [runner.run(job) for job in jobs]
            assert self.broker.settle(ended) == set()
            outcomes += ended

    def record(self, id: str) -> Job:
        job = self.broker.get(id)
        assert job is not None
        return job


@pytest.fixture
def worker(app: Celery, others: SQLBroker) -> Worker:
    return Worker(app, others)


@pytest.fixture
def write(alias: str) -> Callable[..., None]:
    """Write to the database, past the broker."""

    def write(statement: str, *parameters: Any) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute(statement, parameters)
            assert cursor.rowcount > 0

    return write


def why_parked(worker: Worker, id: str) -> str:
    assert worker.record(id).state is State.PARKED
    [attempt] = worker.broker.attempts(id)
    assert attempt.failure is not None
    assert attempt.failure.type == "MessageRefused"
    return attempt.failure.message


ALTERED = "its id, task, arguments or times were altered after it was signed"
TAMPERING = {
    "another task": (["update celeriac_job set task = 'refund'"], ALTERED),
    "arguments of a signed job": (["update celeriac_job set payload = %s"], "it is not signed"),
    "another queue": (
        ["update celeriac_job set queue = 'vip'", "update celeriac_live set queue = 'vip'"],
        "it was moved here from the queue 'celery'",
    ),
    "a later expiry": (["update celeriac_job set expires = '2099-01-01 00:00:00'"], "its expiry was altered"),
    "no expiry": (["update celeriac_job set expires = null"], "its expiry was altered"),
    "an expiry that is past": (["update celeriac_job set expires = '2001-01-01 00:00:00'"], "its expiry was altered"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_a_row_that_was_altered_is_parked_and_says_so(
    app: Celery, worker: Worker, write: Callable[..., None], what: str
) -> None:
    statements, why = TAMPERING[what]
    id = app.tasks["pay"].apply_async((1,), expires=1000).id
    for statement in statements:
        write(statement, *[b"[[1000000],{},{}]"] * statement.count("%s"))
    assert [outcome.state for outcome in worker.run()] == [State.PARKED]
    assert why in why_parked(worker, id)


def test_altered_arguments_under_the_old_signature_are_parked(app: Celery, worker: Worker, write: Callable[..., None]) -> None:
    id = app.tasks["pay"].delay(1).id
    write("update celeriac_job set payload = %s", worker.record(id).payload.replace(b"[[1]", b"[[9]"))
    worker.run()
    assert ALTERED in why_parked(worker, id)


def test_the_message_of_one_job_under_the_id_of_another_is_parked(
    app: Celery, worker: Worker, write: Callable[..., None]
) -> None:
    paid, other = app.tasks["pay"].delay(1).id, app.tasks["pay"].delay(2).id
    write("update celeriac_job set payload = %s where id = %s", worker.record(paid).payload, other)
    worker.run()
    assert ALTERED in why_parked(worker, other)


def test_a_live_row_that_was_moved_to_a_queue_of_other_workers_is_parked(
    app: Celery, worker: Worker, write: Callable[..., None]
) -> None:
    id = app.tasks["pay"].delay(1).id
    write("update celeriac_live set queue = 'vip'")
    worker.run(["vip"])
    assert "it was moved here from the queue 'celery'" in why_parked(worker, id)


def test_a_delayed_job_that_was_brought_forward_is_parked(app: Celery, worker: Worker, write: Callable[..., None]) -> None:
    id = app.tasks["pay"].apply_async((1,), countdown=3600).id
    write("update celeriac_live set state = 'waiting'")
    worker.run()
    assert "it was brought forward" in why_parked(worker, id)


def test_a_job_that_somebody_without_a_key_inserted_is_parked(worker: Worker, caller: SQLBroker) -> None:
    caller.push([Job(id="forged", task="pay", queue="celery", payload=b"[[1],{},{}]")])
    worker.run()
    assert "it is not signed" in why_parked(worker, "forged")


def test_a_job_signed_with_a_foreign_key_is_parked(app: Celery, worker: Worker) -> None:
    with app.conf.override(signing_keys=[OTHER]):
        id = app.tasks["pay"].delay(1).id
    worker.run()
    assert "CELERIAC['SIGNING_KEYS'] does not have" in why_parked(worker, id)


def test_a_parked_job_runs_once_its_key_is_known(app: Celery, worker: Worker) -> None:
    with app.conf.override(signing_keys=[OTHER]):
        id = app.tasks["pay"].delay(1).id
    worker.run()
    app.conf.signing_keys = [KEY, OTHER]
    assert worker.broker.control(Unpark((id,))) == 1
    assert [outcome.state for outcome in worker.run()] == [State.SUCCEEDED]


@pytest.mark.parametrize("options", [{}, {"expires": 1000.123456789}, {"queue": "vip"}, {"countdown": 0.01}])
def test_what_nobody_touched_runs(app: Celery, worker: Worker, options: dict[str, Any]) -> None:
    id = app.tasks["pay"].apply_async((1,), link=app.signature("refund"), **options).id
    wait_for(lambda: any(outcome.token.number == worker.record(id).number for outcome in worker.run()), "the job")
    worker.run()
    jobs = worker.broker.find({}, 10)
    assert [(job.task, job.state) for job in jobs] == [("refund", State.SUCCEEDED), ("pay", State.SUCCEEDED)]


@pytest.mark.parametrize("changed", ["arguments", "queue"])
def test_a_retry_that_changes_something_is_signed_anew(app: Celery, worker: Worker, changed: str) -> None:
    id = app.tasks["pay"].delay(1, changed).id
    wait_for(lambda: worker.run() and worker.record(id).state in (State.SUCCEEDED, State.PARKED), "the second attempt")
    job = worker.record(id)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert (job.queue, job.result) == {"arguments": ("celery", b"2"), "queue": ("vip", b"1")}[changed]


def test_a_retry_that_was_moved_back_is_parked(app: Celery, worker: Worker, write: Callable[..., None]) -> None:
    id = app.tasks["pay"].delay(1, "queue").id
    worker.run(["celery"])
    write("update celeriac_job set queue = 'celery'")
    write("update celeriac_live set queue = 'celery', state = 'waiting'")
    worker.run(["celery"])
    job = worker.record(id)
    assert job.state is State.PARKED
    assert "it was moved here from the queue 'vip'" in str(worker.broker.attempts(id)[-1].failure)
