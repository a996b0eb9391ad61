"""What the worker's log says of attempts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.errors import Ignore, Reject, TaskCancelled
from celeriac.engine.job import Job
from celeriac.engine.worker.attempt_log import LONGEST, AttemptLog
from celeriac.engine.worker.logs import PlainFormatter
from celeriac.testing.clock import FakeClock


class Lines(logging.Handler):
    """Keeps level and text of each line as the worker would print it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(PlainFormatter())
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, self.format(record).partition(f"{record.process} ")[2]))

    @property
    def last(self) -> tuple[str, str]:
        return self.lines[-1]


@pytest.fixture
def log() -> Iterator[Lines]:
    logger, lines = logging.getLogger("celeriac.task"), Lines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


Run = Callable[..., None]


@pytest.fixture
def run(app: Celery, clock: FakeClock) -> Run:
    """Run one attempt of a body that takes 2.5 s, then returns or raises what is given."""

    def run(result: Any = None, options: Any = None, **fields: Any) -> None:
        def body() -> Any:
            clock.advance(2.5)
            if isinstance(result, BaseException):
                raise result
            return result

        app.task(name="pack", **(options or {}))(body)
        app.finalize()
        job = Job(**{"id": "j1", "task": "pack", "queue": "q", "payload": b"[[],{},{}]", **fields})
        app.runner(observers=[AttemptLog(clock)]).run(job)

    return run


def test_a_success_has_two_lines_with_task_id_duration_and_result(run: Run, log: Lines) -> None:
    run({"boxes": 3})
    assert log.lines == [("INFO", "pack[j1] received"), ("INFO", "pack[j1] succeeded in 2.500s: {'boxes': 3}")]


def test_a_long_result_is_cut(run: Run, log: Lines) -> None:
    run("x" * 10_000)
    text = log.last[1].partition(": ")[2]
    assert (len(text), text[:4], text[-4:]) == (LONGEST, "'xxx", "x...")


def test_at_the_usual_level_a_success_says_nothing(run: Run, log: Lines) -> None:
    logging.getLogger("celeriac.task").setLevel(logging.WARNING)
    run(3)
    assert log.lines == []


def test_a_failure_is_an_error_with_its_traceback(run: Run, log: Lines) -> None:
    run(ValueError("no string"))
    level, text = log.last
    assert level == "ERROR"
    assert text.startswith("pack[j1] failed after 2.500s: ValueError('no string')\nTraceback (most recent call last):\n")
    assert text.endswith("ValueError: no string")


def test_an_error_that_the_task_declares_is_no_failure_of_the_code(run: Run, log: Lines) -> None:
    run(KeyError("till"), {"throws": (KeyError,)})
    assert log.last == ("INFO", "pack[j1] raised an expected error: KeyError('till')")


def test_a_retry_says_when_and_why(run: Run, log: Lines) -> None:
    run(KeyError("till"), {"autoretry_for": (KeyError,), "default_retry_delay": 7})
    assert log.last == ("INFO", "pack[j1] retry: Retry in 7s: KeyError('till')")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TaskCancelled(), ("INFO", "pack[j1] cancelled after 2.500s")),
        (Reject("later", requeue=True), ("INFO", "pack[j1] waiting after 2.500s")),
        (Ignore(), ("INFO", "pack[j1] succeeded in 2.500s: None")),
    ],
    ids=["cancelled", "requeued", "ignored"],
)
def test_every_other_end_has_a_line(run: Run, log: Lines, error: BaseException, line: tuple[str, str]) -> None:
    run(error)
    assert log.last == line


def test_an_unknown_task_is_an_error_that_names_the_job_and_the_nearest_task(run: Run, log: Lines) -> None:
    run(task="packs")
    assert len(log.lines) == 1
    level, text = log.last
    assert level == "ERROR"
    assert text.startswith("packs[j1] is parked: No task is registered as 'packs'. Did you mean 'pack'?")


def test_an_unreadable_message_is_an_error_that_names_the_job(run: Run, log: Lines) -> None:
    run(payload=b"\xff not JSON")
    level, text = log.last
    assert level == "ERROR"
    assert text.startswith("pack[j1] is parked: ")


def test_an_expired_job_is_named(run: Run, log: Lines, clock: FakeClock) -> None:
    run(expires=clock.wall() - 1)
    assert log.lines == [("INFO", "pack[j1] expired before it began")]
