"""What a worker writes while it works: what tasks print, receipts and results, in any language and to any console."""

from __future__ import annotations

import json
import re

import pytest

from tests.process.smallsite import Project, until

pytestmark = pytest.mark.process

TASKS = """
import asyncio, sys, time
from pathlib import Path


def say(gate):
    print("数数", gate)
    print("to the other stream", file=sys.stderr)
    print("no end yet", end="")


@shared_task
def chat(gate):
    say(gate)
    while not Path(gate).exists():
        time.sleep(0.01)


@shared_task
async def achat(gate):
    say(gate)
    while not Path(gate).exists():
        await asyncio.sleep(0.01)


@shared_task
def speak(words):
    print(words)
    thread = threading.Thread(target=print, args=("aside: " + words,))  # outside the task's context
    thread.start()
    thread.join()
    return words


@shared_task
def trip(words):
    raise ValueError(words)
"""


@pytest.fixture
def talking(site: Project) -> Project:
    site.add_tasks(TASKS)
    return site


@pytest.mark.parametrize(("pool", "task"), [("prefork", "chat"), ("threads", "chat"), ("asyncio", "achat"), ("solo", "chat")])
def test_what_a_task_prints_appears_at_once_with_task_and_id_and_is_kept(talking: Project, pool: str, task: str) -> None:
    worker = talking.worker("-P", pool, piped=True)
    gate = talking.folder / "gate"
    id = talking.push(f"shop.tasks.{task}", str(gate))
    lines = [f"shop.tasks.{task}[{id}] 数数 {gate}\n", f"shop.tasks.{task}[{id}] to the other stream\n"]
    until(lambda: all(line in worker.printed() for line in lines), worker)
    assert "no end yet" not in worker.printed()
    gate.touch()
    talking.outcome(id)
    until(lambda: f"shop.tasks.{task}[{id}] no end yet\n" in worker.printed(), worker)
    kept = talking.log(id)
    assert [line.partition("celery.redirected: ")[2] for line in kept.splitlines()] == [
        f"数数 {gate}",
        "to the other stream",
        "no end yet",
    ]
    assert worker.stop() == 0


def test_without_redirection_a_print_is_left_as_it_is_and_still_appears_at_once(talking: Project) -> None:
    talking.configure("CELERY_WORKER_REDIRECT_STDOUTS = False")
    worker = talking.worker(piped=True)
    gate = talking.folder / "gate"
    id = talking.push("shop.tasks.chat", str(gate))
    until(lambda: f"\n数数 {gate}\n" in worker.printed(), worker)
    gate.touch()
    talking.outcome(id)
    assert worker.stop() == 0


def test_a_print_of_a_lower_level_than_the_log_is_kept_and_not_shown(talking: Project) -> None:
    talking.configure("CELERY_WORKER_REDIRECT_STDOUTS_LEVEL = 'info'")
    worker = talking.worker("-P", "solo")
    (talking.folder / "gate").touch()
    id = talking.push("shop.tasks.chat", str(talking.folder / "gate"))
    talking.outcome(id)
    assert "INFO celery.redirected: 数数" in talking.log(id)
    assert worker.stop() == 0
    assert "数数" not in worker.printed()


def test_at_info_receipt_success_and_failure_are_logged_in_celerys_words(talking: Project) -> None:
    worker = talking.worker("-l", "info")
    done = talking.push("shop.tasks.speak", "一行\n又一行")
    failed = talking.push("shop.tasks.trip", "坏了")
    talking.outcome(done)
    talking.ended(failed)
    assert worker.stop() == 0
    printed = worker.printed()
    for line in (
        rf" INFO .* Task shop\.tasks\.speak\[{done}\] received\n",
        rf" INFO .* Task shop\.tasks\.speak\[{done}\] succeeded in \d+\.\d+s: '一行\\n又一行'\n",
        rf" INFO .* Task shop\.tasks\.trip\[{failed}\] received\n",
        rf" ERROR .* Task shop\.tasks\.trip\[{failed}\] raised unexpected: ValueError\('坏了'\)\n  \| Traceback ",
    ):
        assert len(re.findall(line, printed)) == 1, (line, printed)


def test_below_info_a_success_is_not_worth_a_line(talking: Project) -> None:
    worker = talking.worker("-P", "solo")
    talking.result("shop.tasks.add", 40, 2)
    assert worker.stop() == 0
    assert "shop.tasks.add[" not in worker.printed()


@pytest.mark.parametrize(
    ("environment", "encoding", "shown"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "ascii", r"\u6570\u6570 \xe9"),
        ({"PYTHONIOENCODING": "latin-1:strict"}, "latin-1", r"\u6570\u6570 é"),
        ({"PYTHONIOENCODING": "cp936"}, "cp936", "数数 é"),
        ({"LANG": "C", "LC_ALL": "C"}, "utf-8", "数数 é"),
    ],
    ids=["ascii", "latin-1", "cp936", "LANG=C"],
)
def test_a_console_in_another_encoding_never_fails_a_job(
    talking: Project, environment: dict[str, str], encoding: str, shown: str
) -> None:
    worker = talking.worker("-l", "info", piped=True, **environment)
    assert talking.result("shop.tasks.speak", "数数 é") == "数数 é"
    failed = talking.ended(talking.push("shop.tasks.trip", "数数 é"))
    assert failed.state.value == "failed"
    assert worker.stop() == 0
    printed = worker.output.read_bytes().decode(encoding)
    assert f"] {shown}\n" in printed, "by the log"
    assert f"\naside: {shown}\n" in printed, "past the log"
    assert f": '{shown}'\n" in printed, "as a result"
    assert f"ValueError: {shown}\n" in printed, "in a traceback"
    assert "UnicodeEncodeError" not in printed


@pytest.mark.parametrize(("encoding", "readable"), [("utf-8", True), ("ascii", False)])
def test_a_log_in_json_is_readable_where_the_console_can_show_it(talking: Project, encoding: str, readable: bool) -> None:
    worker = talking.worker("-P", "solo", "-l", "info", "--log-format", "json", PYTHONIOENCODING=encoding)
    talking.result("shop.tasks.speak", "数数 🍵 é")
    assert worker.stop() == 0
    printed = worker.printed()
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert any(line["message"] == "数数 🍵 é" and line["task"] == "shop.tasks.speak" for line in lines)
    assert ('"message":"数数 🍵 é"' in printed) == readable
