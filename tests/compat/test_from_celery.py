"""What ``docs/from-celery.md`` says differs from Celery: each row of its tables names tests that show it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from celeriac.app import Celery
from celeriac.conf import Reading, read_settings
from celeriac.conf.reading import Source
from celeriac.control import Control
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.job import Job, State
from celeriac.testing.clock import FakeClock

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "from-celery.md"
BERLIN = ZoneInfo("Europe/Berlin")


# -- the page ----------------------------------------------------------------------------------------------------------------


def rows() -> list[tuple[str, list[str]]]:
    """Return the first cell of each row with the tests that stand behind the row."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = line.split("|")
        if line.startswith("| ") and not line.startswith("| Celery does"):
            assert len(cells) == 5, f"a row of three cells: {line}"
            found.append((cells[1].strip(), re.findall(r"\S+\.py::\w+", line)))
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize(("row", "tests"), rows())
def test_the_tests_of_a_row_exist(row: str, tests: list[str]) -> None:
    assert tests, f"no test stands behind the row: {row}"
    for test in tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).exists(), file
        assert name in names_in(file), test


def test_every_test_of_a_row_in_this_file_is_named_by_one() -> None:
    here = f"tests/compat/{Path(__file__).name}"
    named = {test.partition("::")[2] for _, tests in rows() for test in tests if test.startswith(here)}
    assert named == {name for name in names_in(here) if "_of_a_row_" not in name and "_the_page_" not in name}


def test_the_page_names_all_of_app_control_that_there_is() -> None:
    item = PAGE.read_text(encoding="utf-8").partition("\n- `app.control` beyond")[2].partition("\n- ")[0]
    there = {name for name in vars(Control) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)`", item)) == there


# -- rows that no other test shows -------------------------------------------------------------------------------------------


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """An app on a broker in memory, in Berlin, in winter."""
    app = Celery("shop", broker="memory://", changes={"timezone": "Europe/Berlin"})
    app.clock = FakeClock()
    broker = MemoryBroker(app.clock)
    monkeypatch.setattr(app, "broker", lambda: broker)
    yield app
    broker.close()
    app.close()


def claimed(broker: MemoryBroker) -> list[Job]:
    """Claim what waits, as the child of a worker."""
    broker.join(WorkerInfo(id="w", name="w@test", host="test", pid=1, pool="solo", concurrency=1, queues=["celery"]), 1e9)
    broker.enrol("w", "c")
    return broker.claim(["celery"], 10, "c")


def read(**settings: object) -> Reading:
    return read_settings([Source(settings, "CELERY")])


def test_the_higher_priority_runs_first(app: Celery) -> None:
    low, high, middle = (app.send_task("x", priority=priority).id for priority in (0, 9, 5))
    assert [job.id for job in claimed(app.broker())] == [high, middle, low]


def test_a_time_without_a_zone_is_one_of_the_projects_own(app: Celery) -> None:
    result = app.send_task("x", eta=datetime(2100, 1, 1, 12))  # noqa: DTZ001 - a time without a zone is what this is about
    assert app.broker().get(result.id).run_at == datetime(2100, 1, 1, 12, tzinfo=BERLIN).timestamp()


def test_times_are_kept_in_utc_whatever_is_set(app: Celery) -> None:
    app.conf.enable_utc = False
    result = app.send_task("x", eta=datetime(2100, 1, 1, 12, tzinfo=BERLIN))
    assert datetime.fromtimestamp(app.broker().get(result.id).run_at, UTC) == datetime(2100, 1, 1, 11, tzinfo=UTC)
    assert app.now().tzinfo is UTC
    assert "UTC" in read(CELERY_ENABLE_UTC=False).notes[0]


def test_at_most_once_for_all_tasks_is_not_used_and_says_so() -> None:
    (note,) = read(CELERY_TASK_ACKS_LATE=False).notes
    assert "is not used: jobs run at least once" in note
    assert "@shared_task(acks_late=False)" in note


def test_results_are_kept_without_a_setting() -> None:
    assert read().settings.keeps_results
    assert not read(CELERY_RESULT_BACKEND="disabled").settings.keeps_results
    assert not read(CELERY_TASK_IGNORE_RESULT=True).settings.keeps_results


def test_name_and_arguments_are_kept_without_a_setting(app: Celery) -> None:
    known = app.AsyncResult(app.send_task("shop.pay", [1], {"by": "card"}, queue="money").id)
    assert (known.name, known.args, known.kwargs, known.queue) == ("shop.pay", [1], {"by": "card"}, "money")


def test_what_runs_is_started(app: Celery) -> None:
    result = app.send_task("x")
    assert result.state == "PENDING"
    assert [job.id for job in claimed(app.broker())] == [result.id]
    assert (app.broker().get(result.id).state, result.state) == (State.RUNNING, "STARTED")


def test_a_waiting_job_exists_and_an_unknown_id_does_not(app: Celery) -> None:
    known, unknown = app.send_task("x"), app.AsyncResult("nobody")
    assert (known.state, unknown.state) == ("PENDING", "PENDING")
    assert (known.exists(), unknown.exists()) == (True, False)


def test_an_ignored_result_still_leaves_state_and_error(app: Celery) -> None:
    @app.task(ignore_result=True)
    def fail() -> None:
        raise ValueError("no")

    result = fail.delay()
    app.finalize()
    broker: MemoryBroker = app.broker()
    (job,) = claimed(broker)
    broker.settle([app.runner(hostname="w@test", reporter=broker.report).run(job)])
    known = app.AsyncResult(result.id)
    assert (known.state, repr(known.result)) == ("FAILURE", "ValueError('no')")
    assert "raise ValueError" in (known.traceback or "")
