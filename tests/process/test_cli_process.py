"""The command line as people start it, on a small project: every way in, every pool, and what it says when it cannot."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import encode_payload
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import a_child, an_outcome, claim_one
from tests.process.smallsite import ALIAS, PATIENCE, Project, until

pytestmark = pytest.mark.process


# -- every way in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "celeriac", "worker", "-c", "1"),
        ("-m", "celeriac", "-A", "proj", "worker", "-c", "1"),
        ("-m", "celeriac", "worker", "-A", "proj.queue:queue", "-c", "1", "-l", "info"),
    ],
    ids=["manage.py", "celeriac -A", "worker -A with a Celery object"],
)
def test_a_worker_runs_jobs_and_one_ctrl_c_ends_all_of_it(site: Project, command: tuple[str, ...]) -> None:
    (site.folder / "proj" / "queue.py").write_text(
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'proj.settings'\nfrom celeriac import Celery\n"
        "queue = Celery('proj')\nqueue.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "queue.autodiscover_tasks()\n"
    )
    worker = site.start(*command)
    total, pid, main = site.result("shop.tasks.add", 40, 2)
    assert (total, main) == (42, True)
    assert pid != worker.process.pid, "the body ran in a child"
    assert worker.stop() == 0
    printed = worker.printed()
    assert "shop.tasks.add" in printed
    assert "Ctrl-C finishes what runs" in printed


@pytest.mark.parametrize(
    ("pool", "task", "in_main_thread"),
    [
        ("threads", "shop.tasks.add", False),
        ("asyncio", "shop.tasks.add_async", False),
        ("asyncio", "shop.tasks.add", False),
        ("solo", "shop.tasks.add", True),
    ],
)
def test_every_pool_runs_jobs(site: Project, pool: str, task: str, in_main_thread: bool) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-P", pool, "-c", "2")
    total, pid, main = site.result(task, 40, 2)
    assert (total, bool(main)) == (42, in_main_thread)
    assert (pid == worker.process.pid) == (pool == "solo")
    assert worker.stop() == 0
    assert f"  pool    {pool}, " in worker.printed()


def test_a_pool_of_celery_that_is_not_here_is_served_and_said_in_one_line(site: Project) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-P", "eventlet", "-c", "2")
    assert site.result("shop.tasks.add_async", 40, 2)[0] == 42
    assert worker.stop() == 0
    assert worker.printed().count("--pool eventlet: Celeriac runs such tasks in its asyncio pool.") == 1


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def opens(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as page:
            return bool(page.read() == b"open")
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.parametrize(
    "command", [("manage.py", "celeriac"), ("-m", "celeriac", "-A", "proj")], ids=["manage.py", "celeriac"]
)
def test_up_runs_site_and_worker_and_one_ctrl_c_stops_both(site: Project, command: tuple[str, ...]) -> None:
    port = free_port()
    both = site.start(*command, "up", "--bind", f"127.0.0.1:{port}", "-c", "1")
    until(lambda: opens(port), both)
    assert site.result("shop.tasks.add", 40, 2)[0] == 42
    assert both.stop() == 0, both.printed()
    assert not opens(port)


def test_up_ends_with_the_status_of_the_one_that_failed(site: Project) -> None:
    site.configure("CELERIAC = {'LAESE': 15}")
    both = site.start("manage.py", "celeriac", "up", "--bind", f"127.0.0.1:{free_port()}")
    assert both.wait() == 1, both.printed()
    assert both.family() == []


# -- when it cannot ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_mistake_in_the_settings_ends_the_worker_with_status_1_and_its_sentence(site: Project, pool: str) -> None:
    site.configure("CELERIAC = {'LAESE': 15}")
    worker = site.start("-m", "celeriac", "-A", "proj", "worker", "-P", pool)
    assert worker.wait() == 1, worker.printed()
    assert "CELERIAC has no setting 'LAESE'. Did you mean 'LEASE'?" in worker.printed()
    assert "Traceback" not in worker.printed()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_missing_tables_end_the_worker_with_the_command_that_makes_them(project: Project, pool: str) -> None:
    worker = project.start("manage.py", "celeriac", "worker", "-P", pool)
    assert worker.wait() == 1, worker.printed()
    assert "Celeriac's tables are missing in the database 'default'. Create them: python manage.py migrate" in worker.printed()
    assert "Traceback" not in worker.printed()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_project_that_is_not_there_is_answered_with_the_folder_it_is_in(project: Project, pool: str) -> None:
    (project.folder / "elsewhere").mkdir()
    worker = project.start("-m", "celeriac", "-A", "proj", "worker", "-P", pool, within="elsewhere")
    assert worker.wait() == 1, worker.printed()
    assert f"Go to its folder first: cd {project.folder}" in worker.printed()
    assert "Traceback" not in worker.printed()


@pytest.mark.parametrize(("command", "status"), [("worker", 1), ("up", 2)])
def test_a_command_above_or_below_the_project_is_answered_with_its_folder(project: Project, command: str, status: int) -> None:
    (project.folder / "docs" / "more").mkdir(parents=True)
    started = project.start("-m", "celeriac", command, "-P", "solo", within="docs/more")
    assert started.wait() == status, started.printed()
    assert started.printed().rstrip().endswith(f" Go to its folder first: cd {project.folder}")
    assert "Traceback" not in started.printed()


def test_up_without_tables_ends_with_the_command_that_makes_them(project: Project) -> None:
    both = project.start("manage.py", "celeriac", "up", "--bind", f"127.0.0.1:{free_port()}")
    assert both.wait() == 1, both.printed()
    assert "Celeriac's tables are missing in the database 'default'. Create them: python manage.py migrate" in both.printed()
    assert both.family() == []


def test_an_unknown_setting_is_a_warning_with_the_nearest_name_and_the_worker_runs(site: Project) -> None:
    site.configure("CELERY_TASK_TIME_LIMITS = 10")
    worker = site.start("manage.py", "celeriac", "worker", "-P", "solo")
    assert site.result("shop.tasks.add", 40, 2)[0] == 42
    assert worker.stop() == 0
    assert worker.printed().count("CELERY_TASK_TIME_LIMITS is not a setting") == 1
    assert "Did you mean 'CELERY_TASK_TIME_LIMIT'?" in worker.printed()


def park(task: str, reason: str) -> str:
    """Leave a parked job as a worker does; return its id."""
    from celeriac.engine.outcome import Failure

    broker = SQLBroker(ALIAS, private=True)
    broker.push([Job(id=f"{task} {reason}", task=task, queue="celery", payload=encode_payload(task, (40, 2), {}))])
    job = claim_one(broker, a_child(broker), "celery")
    failure = Failure(type=reason, module="celeriac.exceptions", message="parked")
    broker.settle([an_outcome(job, State.PARKED, failure=failure, counts=False)])
    broker.close()
    return job.id


def test_jobs_whose_task_was_unknown_run_when_a_worker_that_knows_it_starts(site: Project) -> None:
    unknown, nowhere = park("shop.tasks.add", "NotRegistered"), park("shop.tasks.subtract", "NotRegistered")
    poison = park("shop.tasks.add_async", "WorkerLostError")
    worker = site.start("manage.py", "celeriac", "worker", "-P", "solo")
    site.result("shop.tasks.add", 1, 1)  # which waits behind it: the older goes first
    assert site.outcome(unknown)[0] == 42
    assert worker.stop() == 0
    assert "1 parked jobs wait again: their tasks are known now." in worker.printed()
    broker = SQLBroker(ALIAS)
    assert {job.id for job in broker.find({"state": State.PARKED}, 10)} == {nowhere, poison}
