"""What tasks print: lines of the log inside an attempt, the stream itself outside."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.request import Request, current_request
from celeriac.engine.worker import stdouts
from celeriac.engine.worker.attempt_log import AttemptLog
from celeriac.engine.worker.joblog import JobLogHandler
from celeriac.testing.clock import FakeClock
from tests.unit.conftest import Worker


class Screen:
    """Streams that are redirected at level WARNING, what reaches the real ones behind them, and the lines of the log."""

    def __init__(self, keep: JobLogHandler) -> None:
        self.real_out, self.real_err = io.StringIO(), io.StringIO()
        self.out: Any = stdouts.TaskStream(self.real_out, logging.WARNING, keep)
        self.err: Any = stdouts.TaskStream(self.real_err, logging.WARNING, keep)
        self.lines: list[str] = []


class Recorder(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@pytest.fixture
def screen() -> Iterator[Screen]:
    keep = JobLogHandler()
    screen = Screen(keep)
    recorder = Recorder(screen.lines)
    stdouts.logger.addHandler(keep)
    stdouts.logger.addHandler(recorder)
    yield screen
    stdouts.logger.removeHandler(keep)
    stdouts.logger.removeHandler(recorder)


@pytest.fixture
def attempt() -> Iterator[Request]:
    """An attempt that runs."""
    request = Request()
    token = current_request.set(request)
    yield request
    current_request.reset(token)


def test_outside_a_task_everything_passes_through(screen: Screen) -> None:
    print("one", end="", file=screen.out)
    print("two", file=screen.err)
    screen.out.writelines(["three", "four\n"])
    screen.out.flush()
    assert (screen.real_out.getvalue(), screen.real_err.getvalue(), screen.lines) == ("onethreefour\n", "two\n", [])


def test_in_a_task_each_line_is_a_line_of_the_log(screen: Screen, attempt: Request) -> None:
    print("one", "two", file=screen.out)
    print("three\nfour", file=screen.err)
    assert screen.lines == ["WARNING one two", "WARNING three", "WARNING four"]
    assert screen.real_out.getvalue() == screen.real_err.getvalue() == ""
    assert [line.partition(": ")[2] for line in attempt.log.text().splitlines()] == ["one two", "three", "four"]


def test_a_line_printed_in_pieces_is_one(screen: Screen, attempt: Request) -> None:
    print("one ", end="", file=screen.out)
    print("other", file=screen.err)
    print("two", file=screen.out)
    assert screen.lines == ["WARNING other", "WARNING one two"]


def test_a_flush_shows_what_has_no_end_yet(screen: Screen, attempt: Request) -> None:
    print("10 %", end="", flush=True, file=screen.out)
    print("\r20 %", end="", flush=True, file=screen.out)
    assert screen.lines == ["WARNING 10 %", "WARNING 20 %"]


def test_blank_lines_are_nothing(screen: Screen, attempt: Request) -> None:
    print(file=screen.out)
    print("  \n\n", flush=True, file=screen.out)
    assert screen.lines == []
    assert attempt.log is None


def test_text_without_any_end_does_not_grow_for_ever(screen: Screen, attempt: Request) -> None:
    for _ in range(70):
        screen.out.write("x" * 1000)
    assert [len(line) for line in screen.lines] == [len("WARNING ") + 66_000]


def test_percent_signs_are_text(screen: Screen, attempt: Request) -> None:
    print("100 %s", "%d", file=screen.out)
    assert screen.lines == ["WARNING 100 %s %d"]


def test_what_is_below_the_level_of_the_log_is_kept_all_the_same(screen: Screen, attempt: Request) -> None:
    stdouts.logger.setLevel(logging.ERROR)
    print("quiet", file=screen.out)
    stdouts.logger.setLevel(logging.NOTSET)
    assert screen.lines == []
    assert attempt.log.text().endswith("WARNING celery.redirected: quiet")


def test_a_handler_that_prints_writes_to_the_stream_itself(screen: Screen, attempt: Request) -> None:
    class Loud(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print("handled", record.getMessage(), file=screen.out)

    loud = Loud()
    stdouts.logger.addHandler(loud)
    print("one", file=screen.err)
    stdouts.logger.removeHandler(loud)
    assert screen.real_out.getvalue() == "handled one\n"
    assert screen.lines == ["WARNING one"]


def test_a_thread_beside_the_task_is_outside_it(screen: Screen, attempt: Request) -> None:
    thread = threading.Thread(target=screen.out.write, args=("aside\n",))
    thread.start()
    thread.join()
    assert screen.real_out.getvalue() == "aside\n"
    assert screen.lines == []


def test_the_rest_of_the_stream_is_its_own(screen: Screen) -> None:
    assert screen.out.isatty() is False
    assert screen.out.getvalue() == ""


def test_what_an_attempt_leaves_without_an_end_is_logged_and_kept_at_its_end(
    app: Celery, worker: Worker, clock: FakeClock, screen: Screen
) -> None:
    app.task(lambda: print("no end", end="", file=screen.out)).delay()
    job = worker.broker.claim(["celery"], 1, "c")[0]
    app.finalize()
    outcome = app.runner(observers=[AttemptLog(clock)]).run(job)
    assert screen.lines == ["WARNING no end"]
    assert outcome.log is not None
    assert outcome.log.endswith("no end")


def test_a_task_that_prints_nothing_leaves_nothing_to_look_at(attempt: Request, screen: Screen) -> None:
    assert attempt.unfinished is None
    assert "unfinished" not in vars(attempt)
