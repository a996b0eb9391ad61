"""Where the log of a worker goes, by the settings, the flags and the receivers of signals."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac import signals
from celeriac.cli import console
from celeriac.cli.worker import Flags
from celeriac.cli.workerlog import set_up_logging
from celeriac.conf.settings import Settings
from celeriac.engine.worker.joblog import JobLogHandler
from celeriac.engine.worker.stdouts import TaskStream


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger and the streams, which are put back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    yield root
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def kinds(root: logging.Logger) -> list[type]:
    return [type(handler) for handler in root.handlers]


def test_by_default_the_root_logger_is_ours_and_prints_are_redirected(root: logging.Logger) -> None:
    root.handlers[:] = [logging.NullHandler()]
    set_up_logging(Settings(), Flags(loglevel="INFO"))
    assert kinds(root) == [logging.StreamHandler, JobLogHandler]
    assert root.level == logging.INFO
    assert type(sys.stdout) is type(sys.stderr) is TaskStream


def test_the_projects_own_handlers_stay_where_it_says_so(root: logging.Logger) -> None:
    root.handlers[:] = [logging.NullHandler()]
    set_up_logging(Settings(hijack_root_logger=False), Flags())
    assert kinds(root) == [logging.NullHandler, JobLogHandler]


def test_a_project_that_keeps_its_root_logger_and_has_no_handler_on_it_gets_ours(root: logging.Logger) -> None:
    root.handlers[:] = []
    set_up_logging(Settings(hijack_root_logger=False), Flags())
    assert kinds(root) == [logging.StreamHandler, JobLogHandler]


def test_who_connects_to_setup_logging_sets_up_everything(root: logging.Logger) -> None:
    told: list[Any] = []

    def receiver(**named: Any) -> None:
        told.append((named["loglevel"], named["logfile"]))

    signals.setup_logging.connect(receiver)
    root.handlers[:] = []
    set_up_logging(Settings(), Flags(loglevel="DEBUG", logfile="w.log"))
    signals.setup_logging.disconnect(receiver)
    assert told == [("DEBUG", "w.log")]
    assert kinds(root) == [JobLogHandler]
    assert not isinstance(sys.stdout, TaskStream)


def test_who_connects_to_after_setup_gets_the_logger_that_was_set_up(root: logging.Logger) -> None:
    told: list[str] = []

    def receiver(logger: logging.Logger, **_: Any) -> None:
        told.append(logger.name)

    for signal in (signals.after_setup_logger, signals.after_setup_task_logger):
        signal.connect(receiver)
    set_up_logging(Settings(), Flags())
    for signal in (signals.after_setup_logger, signals.after_setup_task_logger):
        signal.disconnect(receiver)
    assert told == ["root", "celery.task"]


def test_prints_are_left_alone_where_the_settings_say_so(root: logging.Logger) -> None:
    set_up_logging(Settings(redirect_stdouts=False), Flags())
    assert not isinstance(sys.stdout, TaskStream)


def test_the_log_file_has_the_workers_name_and_any_language(root: logging.Logger, tmp_path: Path) -> None:
    set_up_logging(Settings(), Flags(logfile=f"{tmp_path}/%n%I-%h.log", hostname="邮件@here.example"))
    logging.getLogger("shop").warning("数数 \udce9")
    assert (tmp_path / "邮件-here.example.log").read_text(encoding="utf-8").endswith(" 数数 \\udce9\n")


def test_a_console_of_any_encoding_shows_what_it_can_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1", errors="strict"))
    console.prepare()
    print("é 数")  # noqa: T201 - printing is what this is about
    assert raw.getvalue() == b"\xe9 \\u6570\n", "at once"


def test_a_stream_that_is_no_file_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)
    console.prepare()
    assert (sys.stdout, sys.stderr) == (stream, None)
