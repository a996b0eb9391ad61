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
    logger, lines = logging.getLogger("celery"), Lines()
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

    def run(result: Any = None, options: Any = None, seconds: float = 2.5, **fields: Any) -> None:
        def body() -> Any:
            clock.advance(seconds)
            if isinstance(result, BaseException):
                raise result
            return result

        app.task(name="pack", **(options or {}))(body)
        app.finalize()
        job = Job(**{"id": "j1", "task": "pack", "queue": "q", "payload": b"[[],{},{}]", **fields})
        app.runner(observers=[AttemptLog(clock)]).run(job)

    return run


def test_a_success_has_two_lines_with_task_id_duration_and_result(run: Run, log: Lines) -> None:
    run({"boxes": 3, "für": "数"})
    assert log.lines == [
        ("INFO", "Task pack[j1] received"),
        ("INFO", "Task pack[j1] succeeded in 2.50s: {'boxes': 3, 'für': '数'}"),
    ]


@pytest.mark.parametrize(("seconds", "shown"), [(6.012, "6.01s"), (0.125, "0.12s"), (0.01234, "0.0123s"), (0.0, "0.0000s")])
def test_a_short_time_is_shown_to_more_digits(run: Run, log: Lines, seconds: float, shown: str) -> None:
    run(seconds=seconds)
    assert log.last == ("INFO", f"Task pack[j1] succeeded in {shown}: None")


def test_a_long_result_is_cut(run: Run, log: Lines) -> None:
    run("x" * 10_000)
    text = log.last[1].partition(": ")[2]
    assert (len(text), text[:4], text[-4:]) == (LONGEST, "'xxx", "x...")


def test_a_result_cannot_forge_a_line_or_move_the_cursor(run: Run, log: Lines) -> None:
    class Forged:
        def __repr__(self) -> str:
            return "3\n2026-11-21 INFO all is well\x1b[2J"

    run(Forged(), {"ignore_result": True})
    assert log.last == ("INFO", r"Task pack[j1] succeeded in 2.50s: 3\n2026-11-21 INFO all is well\x1b[2J")


@pytest.mark.parametrize("broken", ["result", "error"])
def test_what_cannot_be_shown_changes_nothing(run: Run, log: Lines, broken: str) -> None:
    class Shy(ValueError):
        def __repr__(self) -> str:
            raise KeyError

    run(Shy() if broken == "error" else [Shy()], {"ignore_result": True})
    assert "whose repr() raised KeyError>" in log.last[1]


def test_at_the_usual_level_a_success_says_nothing(run: Run, log: Lines) -> None:
    logging.getLogger("celery").setLevel(logging.WARNING)
    run(3)
    assert log.lines == []


def test_receipts_can_be_silenced_by_celerys_name_for_them(run: Run, log: Lines) -> None:
    receipts = logging.getLogger("celery.worker.strategy")
    receipts.setLevel(logging.WARNING)
    run(3)
    receipts.setLevel(logging.NOTSET)
    assert log.lines == [("INFO", "Task pack[j1] succeeded in 2.50s: 3")]


def test_a_failure_is_an_error_with_its_traceback(run: Run, log: Lines) -> None:
    run(ValueError("no string\x1b[2J"))
    level, text = log.last
    assert level == "ERROR"
    start = "Task pack[j1] raised unexpected: ValueError('no string\\x1b[2J')\n  | Traceback (most recent call last):\n"
    assert text.startswith(start)
    assert text.endswith("ValueError: no string\\x1b[2J")


def test_an_error_that_the_task_declares_is_no_failure_of_the_code(run: Run, log: Lines) -> None:
    run(KeyError("till"), {"throws": (KeyError,)})
    assert log.last == ("INFO", "Task pack[j1] raised expected: KeyError('till')")


def test_a_retry_says_when_and_why(run: Run, log: Lines) -> None:
    run(KeyError("till"), {"autoretry_for": (KeyError,), "default_retry_delay": 7})
    assert log.last == ("INFO", "Task pack[j1] retry: Retry in 7s: KeyError('till')")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TaskCancelled(), ("INFO", "Task pack[j1] revoked: cancelled after 2.50s")),
        (Reject("later", requeue=True), ("INFO", "Task pack[j1] rejected, and waits again")),
        (Reject("never"), ("WARNING", "Task pack[j1] rejected: 'never'")),
        (Ignore(), ("INFO", "Task pack[j1] ignored")),
    ],
    ids=["cancelled", "requeued", "rejected", "ignored"],
)
def test_every_other_end_has_a_line(run: Run, log: Lines, error: BaseException, line: tuple[str, str]) -> None:
    run(error)
    assert log.last == line


def test_an_unknown_task_is_an_error_that_names_the_job_and_the_nearest_task(run: Run, log: Lines) -> None:
    run(task="packs")
    assert len(log.lines) == 1
    level, text = log.last
    assert level == "ERROR"
    assert text.startswith("Task packs[j1] is parked: No task is registered as 'packs'. Did you mean 'pack'?")


def test_an_unreadable_message_is_an_error_that_names_the_job(run: Run, log: Lines) -> None:
    run(payload=b"\xff not JSON")
    level, text = log.last
    assert level == "ERROR"
    assert text.startswith("Task pack[j1] is parked: ")


def test_an_expired_job_is_named(run: Run, log: Lines, clock: FakeClock) -> None:
    run(expires=clock.wall() - 1)
    assert log.lines == [("INFO", "Task pack[j1] expired before it began")]
