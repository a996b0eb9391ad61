from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.encryption import ARGUMENTS, RESULT, Cipher, arguments_of, is_encrypted
from celeriac.engine.job import Job, State
from celeriac.exceptions import ImproperlyConfigured, UnreadablePayload
from celeriac.result import AsyncResult
from celeriac.testing import assert_enqueued, override
from tests.unit.conftest import Worker

OLD, NEW, FOREIGN = "the key before this one", "the key of today", "somebody else's key"
SECRET = "4111 1111 1111 1111"


def test_what_is_encrypted_is_read_with_any_of_the_keys_and_nothing_of_it_shows() -> None:
    hidden = Cipher([OLD]).encrypt(SECRET.encode(), "1", ARGUMENTS)
    assert Cipher([NEW, OLD]).decrypt(hidden, "1", ARGUMENTS) == SECRET.encode()
    assert SECRET.encode() not in hidden
    assert OLD.encode() not in hidden
    assert hidden != Cipher([OLD]).encrypt(SECRET.encode(), "1", ARGUMENTS)


def test_no_bit_of_it_can_be_turned_and_nothing_cut_off() -> None:
    cipher = Cipher([NEW])
    hidden = cipher.encrypt(b"x", "1", ARGUMENTS)
    for position in range(len(hidden) * 8):
        turned = bytearray(hidden)
        turned[position // 8] ^= 1 << position % 8
        with pytest.raises(UnreadablePayload):
            cipher.decrypt(bytes(turned), "1", ARGUMENTS)
    for end in range(len(hidden)):
        with pytest.raises(UnreadablePayload):
            cipher.decrypt(hidden[:end], "1", ARGUMENTS)


@pytest.mark.parametrize(("id", "part"), [("2", ARGUMENTS), ("1", RESULT)])
def test_a_text_copied_to_another_job_or_place_cannot_be_read_there(id: str, part: bytes) -> None:
    cipher = Cipher([NEW])
    with pytest.raises(UnreadablePayload, match="belongs to another job"):
        cipher.decrypt(cipher.encrypt(b"x", "1", ARGUMENTS), id, part)


def test_a_key_that_is_not_there_is_named_by_its_number_alone() -> None:
    with pytest.raises(UnreadablePayload, match="Keep an old key at the end of the list") as caught:
        Cipher([NEW]).decrypt(Cipher([FOREIGN]).encrypt(b"x", "1", ARGUMENTS), "1", ARGUMENTS)
    assert FOREIGN not in str(caught.value)


def test_without_the_package_the_setting_is_refused_with_the_command(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    app.conf.encryption_keys = [NEW]
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'celeriac\[encryption\]'"):
        app.task(name="t")(lambda: None).delay()


# -- an app with keys -------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(app: Celery) -> Celery:
    app.conf.encryption_keys = [NEW, OLD]
    return app


def kept(broker: MemoryBroker, id: str) -> Job:
    job = broker.get(id)
    assert job is not None
    return job


@pytest.mark.parametrize("signing", [[], [OLD]])
def test_arguments_and_results_are_hidden_in_the_store_and_read_by_who_has_the_key(
    keyed: Celery, worker: Worker, broker: MemoryBroker, signing: list[str]
) -> None:
    keyed.conf.signing_keys = signing
    task = keyed.task(name="t")(lambda card, name="": {"card": card})
    result: AsyncResult[Any] = task.delay(SECRET, name="Ada")
    worker.run_all()
    job = kept(broker, result.id)
    assert job.state is State.SUCCEEDED
    assert SECRET.encode() not in job.payload + (job.result or b"")
    assert (result.result, result.args, result.kwargs) == ({"card": SECRET}, [SECRET], {"name": "Ada"})
    keyed.conf.encryption_keys = [FOREIGN]
    other: AsyncResult[Any] = AsyncResult(result.id, app=keyed)
    assert other.args is None
    with pytest.raises(UnreadablePayload, match="does not have"):
        _ = other.result


def test_a_retry_and_the_callbacks_of_a_hidden_job_are_hidden_too(keyed: Celery, worker: Worker, broker: MemoryBroker) -> None:
    keyed.conf.encrypt = False
    seen: list[Any] = []

    @keyed.task(bind=True, name="hidden", encrypt=True)
    def hidden(self: Any, card: str) -> str:
        if not self.request.retries:
            self.retry(args=(card + "!",), countdown=5)
        return card

    after = keyed.task(name="after")(seen.append)
    result = hidden.apply_async((SECRET,), link=after.s())
    worker.run_all()
    assert seen == [SECRET + "!"]
    jobs = broker.find({}, 10)
    assert [job.task for job in jobs] == ["after", "hidden"]
    assert not any(SECRET.encode() in job.payload + (job.result or b"") for job in jobs)
    assert result.get() == SECRET + "!"


@pytest.mark.parametrize(("project", "task", "hidden"), [(True, None, True), (True, False, False), (False, None, False)])
def test_a_task_says_itself_or_the_project_does(
    keyed: Celery, broker: MemoryBroker, project: bool, task: bool | None, hidden: bool
) -> None:
    keyed.conf.encrypt = project
    id = keyed.task(name="t", encrypt=task)(lambda a: a).delay(1).id
    assert is_encrypted(kept(broker, id).payload) is hidden


def test_a_task_that_asks_for_it_needs_keys_to_be_hidden(app: Celery, broker: MemoryBroker) -> None:
    id = app.task(name="t", encrypt=True)(lambda a: a).delay(1).id
    assert kept(broker, id).payload == b"[[1],{},{}]"


def test_a_job_that_this_worker_has_no_key_for_is_parked(keyed: Celery, worker: Worker) -> None:
    keyed.task(name="t")(lambda a: a).delay(1)
    keyed.conf.encryption_keys = []
    [outcome] = worker.run_all()
    assert outcome.state is State.PARKED
    assert outcome.failure is not None
    assert "ENCRYPTION_KEYS'] is empty here" in outcome.failure.message


def test_jobs_from_before_there_were_keys_are_still_run(app: Celery, worker: Worker) -> None:
    app.task(name="t")(lambda a: a).delay(1)
    app.conf.encryption_keys = [NEW]
    assert [(outcome.state, outcome.result) for outcome in worker.run_all()] == [(State.SUCCEEDED, b"1")]


def test_an_eager_job_that_is_retried_and_remembered_is_kept_hidden(keyed: Celery, broker: MemoryBroker) -> None:
    @keyed.task(bind=True, name="eager", store_eager_result=True)
    def eager(self: Any, card: str) -> str:
        if not self.request.retries:
            self.retry(args=(card + "!",), countdown=0)
        return card

    with keyed.conf.override(task_always_eager=True):
        result = eager.delay(SECRET)
    assert result.get() == SECRET + "!"
    job = kept(broker, result.id)
    assert SECRET.encode() not in job.payload + (job.result or b"")
    assert arguments_of(job, keyed.cipher)[0] == [SECRET + "!"]


def test_tests_see_the_arguments(keyed: Celery) -> None:
    task = keyed.task(name="t")(lambda card: card)
    with override(app=keyed):
        task.delay(SECRET)
        assert_enqueued(task, args=[SECRET], app=keyed)


def test_a_result_moved_to_another_job_cannot_be_read(keyed: Celery, worker: Worker, broker: MemoryBroker) -> None:
    task = keyed.task(name="t")(lambda card: card)
    one, two = task.delay("one"), task.delay("two")
    worker.run_all()
    forged = msgspec.structs.replace(kept(broker, one.id), result=kept(broker, two.id).result)
    result: AsyncResult[Any] = AsyncResult(one.id, app=keyed)
    result._record = forged
    with pytest.raises(UnreadablePayload):
        _ = result.result
