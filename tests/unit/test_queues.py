"""What is said about a queue that a call names for the first time: a name that is nearly another, and that nobody serves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import State
from celeriac.exceptions import QueueNotFound
from tests.unit.conftest import Worker


@pytest.fixture
def task(app: Celery) -> Any:
    """A task of a project that names the queues celery, mail, reports and urgent."""
    app.conf.update(task_queues=["urgent"], task_routes=[{"shop.report.*": {"queue": "reports"}}])
    app.task(name="shop.post", queue="mail")(lambda: None)
    return app.task(name="shop.pack")(lambda: None)


# -- nearly another's name -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"), [("mial", "mail"), ("report", "reports"), ("urgnet", "urgent"), ("celry", "celery")]
)
def test_a_name_that_is_nearly_that_of_a_queue_is_asked_back_and_the_job_is_kept(
    task: Any, broker: MemoryBroker, caplog: pytest.LogCaptureFixture, name: str, nearest: str
) -> None:
    job = broker.get(task.apply_async(queue=name).id)
    assert job is not None
    assert (job.queue, job.state) == (name, State.WAITING)
    [warning] = caplog.messages
    assert warning.startswith(f"shop.pack was enqueued to {name!r}, a queue that nothing in this project names.")
    assert f"Did you mean {nearest!r}?" in warning
    assert "CELERY_TASK_CREATE_MISSING_QUEUES = True" in warning


def test_each_name_is_asked_back_once(task: Any, caplog: pytest.LogCaptureFixture) -> None:
    for queue in ("mial", "urgnet", "mial", "urgnet"):
        task.apply_async(queue=queue)
    task.bulk([(), ()], queue="mial")
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("name", ["mail", "reports", "urgent", "celery", "something else"])
def test_a_declared_name_and_one_like_no_other_are_taken_in_silence(
    task: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    task.apply_async(queue=name)
    task.bulk([()], queue=name)
    assert caplog.messages == []


def test_a_task_declared_later_declares_its_queue(app: Celery, task: Any, caplog: pytest.LogCaptureFixture) -> None:
    task.delay()
    app.task(name="shop.late", queue="mails")(lambda: None).delay()
    assert caplog.messages == []


def test_a_project_that_says_missing_queues_are_made_is_not_asked(
    app: Celery, task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app.conf.task_create_missing_queues = True
    task.apply_async(queue="mial")
    assert caplog.messages == []


def test_a_project_that_says_they_are_not_made_gets_an_error_with_the_nearest(
    app: Celery, task: Any, broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    app.conf.task_create_missing_queues = False
    with pytest.raises(QueueNotFound, match=r"There is no queue 'urgnet' in CELERY_TASK_QUEUES\. Did you mean 'urgent'\?"):
        task.apply_async(queue="urgnet")
    assert broker.counts() == {}
    assert caplog.messages == []


# -- nobody serves it ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def developing(settings: Any) -> None:
    settings.DEBUG = True


@pytest.fixture
def hire(broker: MemoryBroker) -> Callable[..., None]:
    """Let a worker live that serves these queues."""

    def hire(*queues: str, lease: float = 60.0) -> None:
        info = WorkerInfo(id=f"w-{queues}", name="w@test", host="test", pid=1, pool="solo", concurrency=1, queues=list(queues))
        broker.join(info, lease)

    return hire


PLAIN = "Start one: python manage.py celeriac worker"


@pytest.mark.usefixtures("developing")
def test_without_any_worker_the_command_of_one_that_serves_all_is_shown(task: Any, caplog: pytest.LogCaptureFixture) -> None:
    task.apply_async(queue="mail")
    assert caplog.messages == [f"No running worker serves the queue 'mail', so shop.pack waits. {PLAIN}"]


@pytest.mark.usefixtures("developing")
def test_beside_workers_of_other_queues_the_command_names_the_queue(
    task: Any, hire: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hire("celery", "urgent")
    task.apply_async(queue="mail")
    assert caplog.messages == [f"No running worker serves the queue 'mail', so shop.pack waits. {PLAIN} -Q mail"]


@pytest.mark.usefixtures("developing")
def test_a_queue_that_no_setting_names_is_named_to_the_worker_ready_for_a_shell(
    task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    task.apply_async(queue="of my own")
    assert caplog.messages[0].endswith(f"{PLAIN} -Q 'of my own'")


@pytest.mark.usefixtures("developing")
def test_each_queue_is_spoken_of_once(task: Any, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        task.delay()
        task.apply_async(queue="mail")
    assert len(caplog.messages) == 2


@pytest.mark.usefixtures("developing")
def test_a_queue_with_a_living_worker_is_not_spoken_of(
    task: Any, hire: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hire("mail")
    task.apply_async(queue="mail")
    assert caplog.messages == []


@pytest.mark.usefixtures("developing")
def test_a_worker_whose_lease_ran_out_serves_nothing(
    task: Any, hire: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hire("mail", lease=-1.0)
    task.apply_async(queue="mail")
    assert len(caplog.messages) == 1


@pytest.mark.usefixtures("developing")
def test_in_a_worker_nobody_looks(
    app: Celery, task: Any, worker: Worker, hire: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    hire("celery")
    app.task(name="shop.order")(lambda: task.apply_async(queue="mail") and None).delay()
    worker.run_one()
    assert caplog.messages == []


def test_in_production_nobody_looks(task: Any, broker: MemoryBroker, caplog: pytest.LogCaptureFixture) -> None:
    task.apply_async(queue="mail")
    assert caplog.messages == []


@pytest.mark.usefixtures("developing")
def test_a_look_that_fails_harms_nobody(
    task: Any, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> list[WorkerInfo]:
        raise BrokerUnavailable("gone")

    monkeypatch.setattr(broker, "workers", away)
    assert broker.get(task.apply_async(queue="mail").id) is not None
    assert caplog.messages == []
