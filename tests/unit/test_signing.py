from __future__ import annotations

from typing import Any

import msgspec
import pytest

from celeriac.app import Celery
from celeriac.conf.reading import read_settings
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.engine.signing import TOLERANCE, Signer
from celeriac.exceptions import ImproperlyConfigured, MessageRefused
from celeriac.followups import follow_failure
from celeriac.testing.clock import FakeClock
from tests.unit.conftest import Worker

OLD, NEW, FOREIGN = "the key before this one", "the key of today", "somebody else's key"
NOW = 1000.0


def signed(*keys: str, **fields: Any) -> Job:
    job = Job(**{"id": "1", "task": "t", "queue": "q", "payload": b'[["a"],{},{}]', **fields})
    job.payload = Signer(keys or (NEW,)).sign(job, job.payload, job.queue)
    return job


def refusal(job: Job, *keys: str, now: float = NOW, queues: Any = None) -> str:
    with pytest.raises(MessageRefused) as caught:
        Signer(keys or (NEW,), queues).verify(job, now)
    return str(caught.value)


def test_what_is_signed_is_trusted_and_read_as_it_was() -> None:
    job = signed(run_at=5.0, expires=2000.0)
    Signer((NEW,), ["q"]).verify(job, NOW)
    assert decode_payload(job.payload) == (["a"], {}, {})


def test_no_bit_of_a_signed_message_can_be_turned() -> None:
    job = signed()
    for position in range(len(job.payload) * 8):
        turned = bytearray(job.payload)
        turned[position // 8] ^= 1 << position % 8
        assert refusal(msgspec.structs.replace(job, payload=bytes(turned)))


@pytest.mark.parametrize("cut", [0, 3, 20, 90, -1])
def test_a_message_that_was_cut_short_is_refused(cut: int) -> None:
    job = signed()
    assert refusal(msgspec.structs.replace(job, payload=job.payload[:cut]))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": "2"}, "its id, task, arguments or times were altered"),
        ({"task": "u"}, "its id, task, arguments or times were altered"),
        ({"id": "1t", "task": ""}, "its id, task, arguments or times were altered"),
        ({"queue": "other"}, "it was moved here from the queue 'q'"),
        ({"expires": None}, "its expiry was altered"),
        ({"expires": 2001.0}, "its expiry was altered"),
    ],
)
def test_a_job_with_the_signature_of_another_is_refused(fields: dict[str, Any], why: str) -> None:
    assert why in refusal(msgspec.structs.replace(signed(expires=2000.0), **fields))


def test_a_job_on_a_queue_that_this_worker_does_not_serve_was_moved() -> None:
    assert "it was moved here from the queue 'q'" in refusal(signed(), queues=["other"])


def test_a_job_that_comes_long_before_its_time_was_brought_forward() -> None:
    job = signed(run_at=NOW + 2 * TOLERANCE)
    assert "it was brought forward" in refusal(job)
    Signer((NEW,)).verify(job, NOW + 1.5 * TOLERANCE)  # clocks differ a little


def test_an_unsigned_job_is_refused_with_what_to_do() -> None:
    text = refusal(Job(id="1", task="t", queue="q", payload=b"[[],{},{}]"))
    assert text.startswith("The message of t[1] on the queue 'q' is refused: it is not signed")
    assert "Give each process of the project the same keys" in text


def test_the_first_key_signs_and_each_is_trusted() -> None:
    Signer((NEW, OLD)).verify(signed(OLD), NOW)
    Signer((NEW, OLD)).verify(signed(NEW, OLD), NOW)
    assert "signed with a key" in refusal(signed(NEW, OLD), OLD)


def test_a_foreign_key_is_refused_and_no_key_is_shown() -> None:
    text = refusal(signed(FOREIGN))
    assert "put it at the end of the list" in text
    assert not any(key in text or key.encode() in signed(key).payload for key in (NEW, FOREIGN))


def test_times_count_as_databases_keep_them() -> None:
    job = signed(expires=2000.123456789)
    Signer((NEW,)).verify(msgspec.structs.replace(job, expires=2000.123457), NOW)


# -- an app with keys -------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(app: Celery) -> Celery:
    app.conf.signing_keys = [NEW, OLD]
    return app


def test_without_keys_nothing_is_signed_and_with_them_every_call_is(app: Celery, broker: MemoryBroker) -> None:
    task = app.task(name="t")(lambda a=0: a)
    assert broker_job(broker, task.delay(1)).payload == b"[[1],{},{}]"
    app.conf.signing_keys = [NEW]
    for result in (task.delay(1), *task.bulk([(2,)]), app.send_task("t", (3,)), task.apply_async((4,), countdown=9)):
        Signer((NEW,)).verify(broker_job(broker, result), app.clock.wall() + 9)


def broker_job(broker: MemoryBroker, result: Any) -> Job:
    job = broker.get(result.id)
    assert job is not None
    return job


def test_a_job_its_retries_and_its_callbacks_are_all_signed(keyed: Celery, worker: Worker) -> None:
    ran: list[Any] = []

    @keyed.task(bind=True, name="again")
    def again(self: Any, number: int) -> int:
        ran.append(number)
        if number == 0:
            self.retry(args=(1,), countdown=5)
        if number == 1 and self.request.retries == 1:
            self.retry(queue="celery", countdown=5)
        return number

    keyed.task(name="after")(lambda value: ran.append(("after", value)))
    keyed.task(name="failed")(lambda id: ran.append("failed"))
    again.apply_async((0,), link=keyed.signature("after"))
    assert State.PARKED not in {outcome.state for outcome in worker.run_all()}
    assert ran == [0, 1, 1, ("after", 1)]
    keyed.task(name="fails")(lambda: 1 / 0).apply_async(link_error=keyed.signature("failed"))
    assert [outcome.state for outcome in worker.run_all()] == [State.FAILED, State.SUCCEEDED]
    assert ran[-1] == "failed"


def test_an_error_callback_of_a_forged_job_is_not_signed(keyed: Celery, caplog: pytest.LogCaptureFixture) -> None:
    embed = b'{"errbacks":[{"task":"pay","args":[],"kwargs":{},"options":{},"immutable":true}]}'
    forged = Job(id="1", task="t", queue="celery", payload=b"[[],{}," + embed + b"]")
    failure = Failure(type="TimeLimitExceeded", module="celeriac.exceptions", message="")
    assert follow_failure(forged, failure) == ()
    assert "it is not signed" in caplog.text
    forged.payload = Signer((NEW,)).sign(forged, forged.payload, forged.queue)
    [errback] = follow_failure(forged, failure)
    Signer((NEW,)).verify(errback, keyed.clock.wall())


def test_eager_calls_work_as_without_keys(keyed: Celery) -> None:
    @keyed.task(bind=True, name="eager", max_retries=2)
    def eager(self: Any, number: int) -> int:
        if number < 2:
            self.retry(args=(number + 1,), countdown=0)
        return number

    assert eager.apply((0,)).get() == 2
    with keyed.conf.override(task_always_eager=True):
        assert eager.delay(0).get() == 2


@pytest.mark.parametrize("keys", ["one text of a decent length", [b"bytes of a decent length"], ["short"], 5, [None]])
def test_keys_that_cannot_be_are_refused_without_being_shown(app: Celery, keys: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"signing_keys is \(not shown\); expected a list of secret texts"):
        app.conf.signing_keys = keys
    [error] = read_settings([], {"SIGNING_KEYS": keys}).errors
    assert error.startswith("CELERIAC['SIGNING_KEYS'] is (not shown); expected a list of secret texts of 16 characters or more")


def test_the_clock_of_a_delayed_job_is_the_workers(keyed: Celery, worker: Worker, clock: FakeClock) -> None:
    keyed.task(name="t")(lambda: None).apply_async(countdown=100)
    assert [outcome.state for outcome in worker.run_all()] == [State.SUCCEEDED]
