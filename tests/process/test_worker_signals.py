"""The signals of Celery in real workers: receivers that write to a ledger show which are sent, where, when and with what."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from typing import Any

import pytest

from celeriac.engine.brokers.base import Cancel
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import encode_payload
from celeriac.engine.job import Job
from tests.process.smallsite import ALIAS, Project, until

pytestmark = pytest.mark.process

RECEIVERS = """
import json, os

from celeriac import signals

PLAIN = (str, int, float, bool, type(None), list, dict)


def note(signal, sender, **about):
    shown = {name: value for name, value in about.items() if isinstance(value, PLAIN)}
    line = {"signal": signal.name, "pid": os.getpid(), "sender": str(getattr(sender, "name", sender)), "named": sorted(about)}
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(json.dumps({**line, "about": json.loads(json.dumps(shown, default=repr))}) + chr(10))
    if signal.name == "task_prerun":
        raise ValueError("a receiver that raises")


for one in list(vars(signals).values()):
    if isinstance(one, signals.Signal) and one.name != "setup_logging":
        one.connect(note)
"""

TASKS = """
from celeriac.exceptions import Reject


@shared_task
def sleep(seconds):
    import time

    time.sleep(seconds)


@shared_task
def enqueue():
    return add.delay(1, 2).id


@shared_task
def fail(name):
    return {}[name]


@shared_task(bind=True, max_retries=1)
def again(self):
    if not self.request.retries:
        raise self.retry(countdown=0)


@shared_task(bind=True)
def reject(self):
    if not self.request.delivery_info.get("redelivered"):
        raise Reject("not now", requeue=True)


@shared_task(autoretry_for=(KeyError,), retry_kwargs={"max_retries": "three"})
def wrong():
    return {}["x"]
"""


class Noted:
    """What the receivers have written."""

    def __init__(self, project: Project) -> None:
        self.path = project.folder / "ledger"
        self.path.touch()
        (project.folder / "shop" / "__init__.py").write_text(RECEIVERS)
        project.add_tasks(TASKS)
        project.environment["LEDGER"] = str(self.path)

    def all(self, name: str = "", **about: Any) -> list[dict[str, Any]]:
        """Return the lines of one signal, and with these arguments."""
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [line for line in lines if name in ("", line["signal"]) and about.items() <= line["about"].items()]

    def one(self, name: str, **about: Any) -> dict[str, Any]:
        found = self.all(name, **about)
        assert len(found) == 1, found
        return found[0]

    def order(self, *names: str) -> list[str]:
        """Return the names of these signals in the order in which they were sent."""
        return [line["signal"] for line in self.all() if line["signal"] in names]


@pytest.fixture
def noted(site: Project) -> Noted:
    return Noted(site)


def push(id: str, payload: bytes = b"", **fields: Any) -> str:
    """Enqueue a job as it is."""
    fields = {"queue": "celery", "task": "shop.tasks.add", "payload": payload or encode_payload("t", (1, 2), {}), **fields}
    with closing(SQLBroker(ALIAS)) as broker:
        broker.push([Job(id=id, **fields)])
    return id


def test_every_signal_of_jobs_and_of_a_worker_is_sent_where_it_belongs(site: Project, noted: Noted) -> None:
    worker = site.worker("-P", "prefork")
    added = site.outcome(site.push("shop.tasks.enqueue"))
    assert site.outcome(added)[0] == 3
    failed, retried, wrong = site.push("shop.tasks.fail", "x"), site.push("shop.tasks.again"), site.push("shop.tasks.wrong")
    unknown, expired, unreadable = push("unknown", task="nobody"), push("expired", expires=1.0), push("unreadable", b"{")
    for id in (failed, retried, wrong, unknown, expired, unreadable):
        site.ended(id)
    until(lambda: noted.all("heartbeat_sent"), worker)
    assert worker.stop() == 0, worker.printed()

    template = noted.one("celeryd_init")["pid"]
    child = noted.one("worker_process_init")["pid"]
    herald = noted.one("worker_ready")["pid"]
    assert len({worker.process.pid, template, child, herald}) == 4
    assert template in {line["pid"] for line in noted.all("import_modules")}
    for name in ("after_setup_logger", "after_setup_task_logger", "worker_init", "celeryd_after_setup"):
        assert noted.one(name)["pid"] == template
    for name in ("heartbeat_sent", "worker_shutting_down", "worker_shutdown"):
        assert {line["pid"] for line in noted.all(name)} == {herald}
    of_jobs = [line for line in noted.all() if "task" in line["signal"] and "setup" not in line["signal"]]
    assert {line["pid"] for line in of_jobs} == {child}

    hostname = noted.one("celeryd_init")["sender"]
    assert hostname.startswith("celeriac@")
    assert noted.one("celeryd_init")["named"] == ["conf", "instance", "options"]
    assert noted.one("celeryd_after_setup")["sender"] == hostname
    assert noted.one("celeryd_after_setup")["named"] == ["conf", "instance"]
    for name in ("worker_init", "worker_ready", "worker_shutdown"):
        assert noted.one(name)["sender"] == f"<Worker: {hostname}>"
    assert noted.one("after_setup_logger")["named"] == ["colorize", "format", "logfile", "logger", "loglevel"]
    stopping = noted.one("worker_shutting_down", sig="SIGINT", how="Warm", exitcode=0)
    assert stopping["sender"] == hostname
    assert noted.one("worker_process_shutdown", pid=child, exitcode=0)["pid"] == child
    assert noted.order("celeryd_init", "worker_init", "worker_process_init", "worker_ready", "worker_shutdown") == [
        "celeryd_init", "worker_init", "worker_process_init", "worker_ready", "worker_shutdown",
    ]  # fmt: skip

    before, after = noted.one("before_task_publish"), noted.one("after_task_publish")
    assert before["sender"] == after["sender"] == "shop.tasks.add"
    assert before["named"] == ["body", "declare", "exchange", "headers", "properties", "retry_policy", "routing_key"]
    assert after["named"] == ["body", "exchange", "headers", "routing_key"]
    assert before["about"]["headers"]["id"] == after["about"]["headers"]["id"] == added
    assert (before["about"]["routing_key"], before["about"]["headers"]["parent_id"] is not None) == ("celery", True)

    started = noted.one("task_prerun", task_id=failed)
    assert (started["sender"], started["named"]) == ("shop.tasks.fail", ["args", "kwargs", "task", "task_id"])
    failure = noted.one("task_failure", task_id=failed)
    assert failure["named"] == ["args", "einfo", "exception", "kwargs", "task_id", "traceback"]
    assert failure["about"]["args"] == ["x"]
    ended = noted.one("task_postrun", task_id=failed, state="FAILURE")
    assert ended["named"] == ["args", "kwargs", "retval", "state", "task", "task_id"]
    assert all(line["named"] == ["request"] for line in noted.all("task_received"))
    assert noted.order("task_received", "task_prerun")[:2] == ["task_received", "task_prerun"]
    assert noted.one("task_success", result=None)["sender"] == "shop.tasks.again"
    assert noted.all("task_success")[0]["named"] == ["result", "runtime"]
    assert noted.one("task_retry")["named"] == ["einfo", "reason", "request"]
    assert [line["about"]["state"] for line in noted.all("task_postrun", task_id=retried)] == ["RETRY", "SUCCESS"]
    assert noted.one("task_unknown")["about"] == {"name": "nobody", "id": unknown}
    assert noted.one("task_revoked")["about"] == {"terminated": False, "signum": None, "expired": True}
    assert noted.one("task_rejected")["named"] == ["exc", "message"]
    broken = noted.one("task_internal_error", task_id=wrong)
    assert broken["named"] == ["args", "einfo", "exception", "kwargs", "request", "task_id", "traceback"]
    assert noted.one("task_failure", task_id=wrong)["sender"] == "shop.tasks.wrong"
    assert "A receiver of the signal task_prerun raised" in worker.printed()


def test_a_worker_of_one_process_sends_all_of_them_there(site: Project, noted: Noted) -> None:
    worker = site.worker("-P", "solo")
    site.result("shop.tasks.add", 1, 2)
    until(lambda: noted.all("heartbeat_sent"), worker)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 0, worker.printed()
    assert {line["pid"] for line in noted.all()} == {worker.process.pid}
    assert noted.one("worker_shutting_down", sig="SIGTERM", how="Warm", exitcode=0)
    assert noted.order("worker_init", "worker_ready", "task_success", "worker_shutting_down", "worker_shutdown") == [
        "worker_init", "worker_ready", "task_success", "worker_shutting_down", "worker_shutdown",
    ]  # fmt: skip


def test_after_a_reload_the_new_code_is_told_once_the_old_has_gone_and_a_cold_stop_is_told_too(
    site: Project, noted: Noted
) -> None:
    worker = site.worker("-P", "prefork")
    until(lambda: noted.all("worker_ready"), worker)
    until(lambda: len(worker.family()) == 5, worker)  # with it there are master, template, keeper, child and herald
    worker.process.send_signal(signal.SIGHUP)
    until(lambda: len(noted.all("worker_ready")) == 2, worker)
    assert noted.order("worker_ready", "worker_shutdown") == ["worker_ready", "worker_shutdown", "worker_ready"]
    worker.process.send_signal(signal.SIGQUIT)
    assert worker.wait() == 2, worker.printed()
    assert noted.one("worker_shutting_down", sig="SIGQUIT", how="Cold", exitcode=2)
    assert len(noted.all("worker_shutdown")) == 2


def test_a_job_whose_child_is_killed_is_told_of_by_the_herald(site: Project, noted: Noted) -> None:
    worker = site.worker("-P", "prefork")
    late = push("late", encode_payload("t", (60,), {}, {"time_limit": 0.2}), task="shop.tasks.sleep")
    until(lambda: noted.all("task_failure"), worker)
    revoked = site.push("shop.tasks.sleep", 61)
    until(lambda: noted.all("task_prerun", task_id=revoked), worker)
    with closing(SQLBroker(ALIAS)) as broker:
        broker.control(Cancel((revoked,), terminate=True))
    until(lambda: noted.all("task_revoked"), worker)
    assert worker.stop() == 0, worker.printed()
    herald = noted.one("worker_ready")["pid"]
    failure = noted.one("task_failure", task_id=late)
    assert (failure["pid"], failure["sender"], failure["about"]["args"]) == (herald, "shop.tasks.sleep", [60])
    assert failure["named"] == ["args", "einfo", "exception", "kwargs", "task_id", "traceback"]
    assert noted.one("task_revoked", terminated=True, signum=9, expired=False)["pid"] == herald


HOOKS = """
from celeriac import Task


class Watched(Task):
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        with open("hooks", "a") as ledger:
            print("on_failure", type(exc).__name__, task_id, args, kwargs, file=ledger)

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        with open("hooks", "a") as ledger:
            print("after_return", status, type(retval).__name__, task_id, file=ledger)


@shared_task(base=Watched, time_limit=0.2)
def oversleep(seconds):
    import time

    time.sleep(seconds)
"""


def test_the_hooks_of_a_job_that_was_killed_at_its_time_limit_are_called(site: Project) -> None:
    site.add_tasks(HOOKS)
    worker = site.worker("-P", "prefork")
    site.push("shop.tasks.oversleep", 60)
    hooks = site.folder / "hooks"
    until(lambda: hooks.exists() and len(hooks.read_text().splitlines()) == 2, worker)
    first, second = hooks.read_text().splitlines()
    assert first.startswith("on_failure TimeLimitExceeded ")
    assert first.endswith(" [60] {}")
    assert second.startswith("after_return FAILURE TimeLimitExceeded ")
    assert worker.stop() == 0, worker.printed()


def test_without_receivers_there_is_no_herald(site: Project) -> None:
    worker = site.worker("-P", "prefork")
    site.result("shop.tasks.add", 1, 2)
    assert len(worker.family()) == 4, "master, template, keeper and child"
    assert worker.stop() == 0


# -- logging -----------------------------------------------------------------------------------------------------------------

LOGGING = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"format": "PROJECT %(levelname)s %(message)s"}},
    "handlers": {"ours": {"class": "logging.StreamHandler", "formatter": "ours"}},
    "root": {"handlers": ["ours"], "level": "INFO"},
}
"""
RECEIVER_OF_SETUP = """
import logging
from celeriac.signals import after_setup_logger, setup_logging

@setup_logging.connect
def own(loglevel, logfile, format, colorize, **_):
    logging.basicConfig(format="RECEIVER %(levelname)s %(message)s", level=loglevel, force=True)

@after_setup_logger.connect
def never(**_):
    logging.error("after_setup_logger was sent")
"""
RECEIVER_AFTER_SETUP = """
import logging
from celeriac.signals import after_setup_logger, after_setup_task_logger

@after_setup_logger.connect
def add_a_handler(logger, loglevel, format, **_):
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("ADDED %(name)s %(message)s"))
    logger.addHandler(handler)

@after_setup_task_logger.connect
def quieter(logger, **_):
    assert logger.name == "celery.task"
"""
LOGGING_TASK = """
import logging

@shared_task
def speak():
    logging.getLogger("shop").info("a word")
"""


@pytest.mark.parametrize(
    ("settings", "receivers", "begins", "other"),
    [
        ("", "", "20", "PROJECT"),
        ("CELERY_WORKER_HIJACK_ROOT_LOGGER = False", "", "PROJECT INFO a word", "INFO    "),
        ("", RECEIVER_OF_SETUP, "RECEIVER INFO a word", "PROJECT"),
        ("", RECEIVER_AFTER_SETUP, "ADDED shop a word", "PROJECT"),
    ],
    ids=["hijacked, as it comes", "not hijacked", "setup_logging", "after_setup_logger"],
)
def test_who_configures_logging(site: Project, settings: str, receivers: str, begins: str, other: str) -> None:
    site.configure(LOGGING, settings)
    (site.folder / "shop" / "__init__.py").write_text(receivers)
    site.add_tasks(LOGGING_TASK)
    worker = site.worker("-P", "solo", "-l", "info")
    id = site.push("shop.tasks.speak")
    site.outcome(id)
    assert worker.stop() == 0
    lines = [line for line in worker.printed().splitlines() if line.endswith("a word")]
    assert any(line.startswith(begins) for line in lines), worker.printed()
    assert not any(line.startswith(other) for line in lines)
    assert "after_setup_logger was sent" not in worker.printed()
    assert "a word" in site.log(id), "it is kept with the attempt, whoever configures"
