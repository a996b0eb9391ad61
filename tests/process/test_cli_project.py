"""The commands as people start them: on a project in a folder, with a real worker, through a pipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from celeriac.cli import exits
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import known
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.process.smallsite import ALIAS, Project, until

pytestmark = pytest.mark.process

TASKS = """

@shared_task
def fail(what):
    raise ValueError(what)


@shared_task
def wait_for(path):
    import pathlib, time
    while not pathlib.Path(path).exists():
        time.sleep(0.02)
"""


@pytest.fixture
def shop(site: Project) -> Project:
    site.add_tasks(TASKS)
    site.environment["CELERIAC_RUN_DIR"] = str(site.folder / "run")
    return site


def answer(shop: Project, *command: str, through: tuple[str, ...] = ("-m", "celeriac", "-A", "proj")) -> tuple[int, str, str]:
    """Run a command to its end: status, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, *through, *command], cwd=shop.folder, env=shop.environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def told(shop: Project, *command: str) -> Any:
    """Return the JSON that a command answers."""
    return json.loads(answer(shop, *command, "--json")[1])


def test_the_commands_tell_what_a_worker_does(shop: Project) -> None:
    assert answer(shop, "health", "-q")[0] == exits.UNAVAILABLE
    worker = shop.worker()
    until(lambda: answer(shop, "health", "--ready", "-q")[0] == exits.OK, worker)

    status, out, err = answer(shop, "run", "shop.tasks.add", "40", "b=2")
    assert (status, err) == (exits.OK, "")
    assert out.startswith("[42, ")
    status, out, err = answer(shop, "run", "shop.tasks.fail", "no paper")
    assert (status, out) == (exits.FAILED, "")
    assert err.rstrip().endswith("ValueError: no paper")

    running = shop.push("shop.tasks.wait_for", str(shop.folder / "door"))
    until(lambda: known(SQLBroker(ALIAS), running).state is State.RUNNING, worker)
    status, out, _err = answer(shop, "jobs", "cancel", "--terminate", running, through=("manage.py", "celeriac"))
    assert (status, out) == (exits.OK, "Jobs cancelled: 1 of 1.\n")
    assert shop.ended(running).state is State.CANCELLED, "it was ended, though the door never opened"

    assert answer(shop, "jobs", "retry", "--state", "failed", "--yes")[1] == "Jobs run again: 1 of 1.\n"
    status, out, _err = answer(shop, "doctor")
    assert (status, "0 findings" in out) == (exits.OK, True), out
    assert worker.stop() == 0
    assert answer(shop, "health", "-q")[0] == exits.UNAVAILABLE


@pytest.mark.parametrize("command", [("worker", "-P", "solo"), ("beat",)], ids=["solo", "beat"])
def test_whoever_is_one_process_gives_signs_of_life_too(shop: Project, command: tuple[str, ...]) -> None:
    started = shop.start("-m", "celeriac", "-A", "proj", *command)
    until(lambda: answer(shop, "health", "--ready", "-q")[0] == exits.OK, started)
    assert started.stop() == 0
    assert answer(shop, "health", "-q")[0] == exits.UNAVAILABLE


def test_a_worker_whose_master_stands_still_is_not_alive(shop: Project) -> None:
    worker = shop.worker()
    until(lambda: answer(shop, "health", "-q")[0] == exits.OK, worker)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait(60)
    assert answer(shop, "health", "-q")[0] == exits.UNAVAILABLE


def test_the_console_script_finds_the_project_of_its_folder(shop: Project) -> None:
    script = str(Path(sysconfig.get_path("scripts"), "celeriac"))
    status, out, err = answer(shop, "tasks", through=(script, "-A", "proj"))
    assert (status, err) == (0, "")
    assert "tasks.fail" in out


def test_every_way_in_that_leads_nowhere_ends_with_its_status(project: Project, tmp_path: Path) -> None:
    status, _out, err = answer(project, "jobs", "list")
    assert status == exits.CONFIGURATION, "there are no tables"
    assert "migrate" in err
    assert answer(project, "status", through=("-m", "celeriac", "-A", "prj"))[0] == exits.CONFIGURATION
    project.configure("CELERY_BROKER_URL = 'redis://127.0.0.1:1/0'")
    status, out, err = answer(project, "status")
    assert (status, out) == (exits.UNAVAILABLE, "")
    assert len(err.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_a_list_in_peace(shop: Project) -> None:
    shop.push("shop.tasks.add", 1, 2)
    with subprocess.Popen(
        [sys.executable, "-m", "celeriac", "-A", "proj", "jobs", "list"], cwd=shop.folder, env=shop.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as listing:  # fmt: skip
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == exits.OK


def test_the_same_commands_serve_a_broker_elsewhere(project: Project) -> None:
    require_valkey()
    with ValkeyServer() as server:
        project.configure(f"CELERY_BROKER_URL = {server.url()!r}", "CELERIAC = {'OUTBOX': None}")
        id = answer(project, "call", "shop.tasks.add", "-a", "[1, 1]")[1].strip()
        assert [job["id"] for job in told(project, "jobs", "list", "--queue", "celery")] == [id]
        status, out, err = answer(project, "jobs", "cancel", id)
        assert (status, out, err) == (exits.OK, "Jobs cancelled: 1 of 1.\n", "")
        assert answer(project, "jobs", "retry", "--state", "cancelled", "--yes")[1] == "Jobs run again: 1 of 1.\n"
        [queue] = told(project, "status", "--over", "0")["queues"]
        assert (queue["name"], queue["waiting"]) == ("celery", 1)
