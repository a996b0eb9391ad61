"""``link_error`` of a job whose process is killed: the keeper enqueues the callback, which runs once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import encode_payload
from celeriac.engine.ids import new_id
from celeriac.engine.job import Job, State
from tests.process.smallsite import ALIAS, PATIENCE, Project

pytestmark = pytest.mark.process

TASKS = """
import os, signal, time
from pathlib import Path

from celeriac import shared_task


@shared_task(time_limit=0.5)
def never(hold):
    time.sleep(600)


@shared_task(acks_late=False)
def die():
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def note(request, error, traceback, file):
    with Path(file).open("a") as notes:
        notes.write(f"{request.id} {request.args} {type(error).__name__}\\n")
"""


def push(task: str, args: list[Any], file: Path) -> str:
    """Enqueue a job with an error callback that writes a line into a file."""
    callback = {"task": "shop.tasks.note", "args": [str(file)], "kwargs": {}, "options": {}}
    payload = encode_payload(task, args, {}, {"errbacks": [callback]})
    job = Job(id=new_id(), task=f"shop.tasks.{task}", queue="celery", payload=payload)
    SQLBroker(ALIAS).push([job])
    return job.id


def test_the_error_callback_of_a_killed_job_runs_once(site: Project, tmp_path: Path) -> None:
    (site.folder / "shop" / "tasks.py").write_text(TASKS)
    file = tmp_path / "notes"
    worker = site.start("manage.py", "celeriac", "worker", "-c", "1")
    broker = SQLBroker(ALIAS)
    killed = {push("never", [3], file): "[3] TimeLimitExceeded", push("die", [], file): "[] WorkerLostError"}
    for id in killed:
        ended = broker.wait(id, PATIENCE)
        assert ended is not None, worker.printed()
        assert ended.state is State.FAILED
    callbacks = broker.find({"task": "shop.tasks.note"}, 10)
    assert sorted(str(job.parent) for job in callbacks) == sorted(killed)
    for job in callbacks:
        ended = broker.wait(job.id, PATIENCE)
        assert ended is not None, worker.printed()
        assert ended.state is State.SUCCEEDED
    assert worker.stop() == 0
    assert sorted(file.read_text().splitlines()) == sorted(f"{id} {said}" for id, said in killed.items())
