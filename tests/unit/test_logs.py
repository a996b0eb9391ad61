"""The worker's own log: one line a record, whatever a job puts into it, and the task it belongs to."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.job import Job
from celeriac.engine.request import Request, current_request
from celeriac.engine.worker.logs import JSONFormatter, PlainFormatter, configure, escape

FORGED = "done\n2026-11-21 10:00:00,123 INFO    1 all is well"
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=40)


def record(message: str, *args: Any, exc_info: Any = None) -> logging.LogRecord:
    made = logging.LogRecord("shop.tasks", logging.WARNING, "tasks.py", 1, message, args, exc_info)
    made.created, made.msecs, made.process = 1_750_000_000.25, 250.0, 4711
    return made


@contextmanager
def running(id: str = "0199", task: str = "shop.tasks.pack") -> Iterator[None]:
    """Let an attempt run."""
    context = current_request.set(Request(Job(id=id, task=task, queue="q", payload=b"")))
    try:
        yield
    finally:
        current_request.reset(context)


def an_error(message: str) -> Any:
    try:
        raise ValueError(message)
    except ValueError:
        return sys.exc_info()


# -- plain -------------------------------------------------------------------------------------------------------------------


def test_a_plain_line_has_time_level_process_and_message() -> None:
    line = PlainFormatter().format(record("packed %d boxes", 3))
    assert line.endswith(",250 WARNING 4711 packed 3 boxes")


def test_a_plain_line_of_a_job_names_its_task_and_id() -> None:
    with running():
        assert PlainFormatter().format(record("packed")).endswith(" 4711 shop.tasks.pack[0199] packed")


@pytest.mark.parametrize("breaker", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x1b[2J", "\x00", "\ud800"])
def test_a_message_cannot_forge_a_line_or_move_the_cursor(breaker: str) -> None:
    line = PlainFormatter().format(record("done" + breaker + "forged"))
    assert len(line.splitlines()) == 1
    assert breaker not in line
    assert escape(breaker) in line


def test_what_can_be_read_is_left_as_it_is() -> None:
    assert escape("Grüße\taus 東京 🍵") == "Grüße\taus 東京 🍵"


def test_an_id_that_a_caller_chose_cannot_forge_a_line() -> None:
    with running(id=FORGED):
        assert len(PlainFormatter().format(record("packed")).splitlines()) == 1


def test_a_traceback_keeps_its_lines() -> None:
    line = PlainFormatter().format(record("failed", exc_info=an_error("no string")))
    assert "\n  | Traceback (most recent call last):\n" in line
    assert line.endswith("\n  | ValueError: no string")


@pytest.mark.parametrize("breaker", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\x1b[1A\x1b[2K"])
def test_an_error_cannot_imitate_a_line_of_the_worker(breaker: str) -> None:
    forged = record("failed", exc_info=an_error(f"oops{breaker}{FORGED}"))
    forged.stack_info = f"Stack (most recent call last):{breaker}{FORGED}"
    first, *below = PlainFormatter().format(forged).splitlines()
    assert first.endswith(",250 WARNING 4711 failed")
    assert len(below) > 4
    assert {line[:4] for line in below} == {"  | "}
    assert all(line.isprintable() for line in below)


def test_what_another_handler_made_of_a_traceback_is_neither_shown_nor_changed() -> None:
    shared = record("failed", exc_info=an_error("no string"))
    shared.exc_text = f"ValueError: no string\n{FORGED}"
    assert FORGED not in PlainFormatter().format(shared)
    assert shared.exc_text == f"ValueError: no string\n{FORGED}"
    shared.exc_info = None  # as a record that came through a queue has it
    assert f"\n  | {FORGED.splitlines()[1]}" in PlainFormatter().format(shared)


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_the_texts_a_record_is_one_line_that_can_be_written(message: str, id: str, task: str) -> None:
    with running(id, task):
        line = PlainFormatter().format(record("%s", message))
    assert len(line.splitlines()) == 1
    line.encode()


# -- JSON --------------------------------------------------------------------------------------------------------------------


def test_a_json_line_has_all_that_a_machine_wants_to_know() -> None:
    assert json.loads(JSONFormatter().format(record("packed %d boxes", 3))) == {
        "time": "2025-06-15T15:06:40.250Z",
        "level": "warning",
        "logger": "shop.tasks",
        "pid": 4711,
        "message": "packed 3 boxes",
    }


def test_a_json_line_of_a_job_has_its_task_and_id() -> None:
    with running():
        line = json.loads(JSONFormatter().format(record("packed")))
    assert (line["task"], line["id"]) == ("shop.tasks.pack", "0199")


def test_a_json_line_holds_the_whole_traceback() -> None:
    line = JSONFormatter().format(record("failed", exc_info=an_error("no string")))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["traceback"].endswith("ValueError: no string")


def test_a_json_line_is_written_for_a_file_name_that_is_not_utf_8() -> None:
    line = JSONFormatter().format(record("no such file: %s", "caf\udce9"))
    assert json.loads(line.encode())["message"] == "no such file: caf\udce9"


def test_a_json_line_stays_readable_beside_such_a_file_name() -> None:
    assert "文件 caf" in JSONFormatter().format(record("文件 %s", "caf\udce9"))


@pytest.mark.parametrize(
    ("encoding", "message", "shown"),
    [
        ("utf-8", "é 数 🍵", "é 数 🍵"),
        ("UTF8", "é 数 🍵", "é 数 🍵"),
        ("cp936", "é 数", "é 数"),
        ("cp936", "数 🍵", r"\u6570 \ud83c\udf75"),
        ("latin-1", "é", "é"),
        ("ascii", "é 🍵", r"\u00e9 \ud83c\udf75"),
    ],
)
def test_what_a_console_cannot_show_is_escaped_as_json_has_it(encoding: str, message: str, shown: str) -> None:
    line = JSONFormatter(encoding).format(record("%s", message))
    assert f'"{shown}"' in line
    assert json.loads(line.encode(encoding).decode(encoding))["message"] == message


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_the_texts_a_json_line_is_one_line_and_json(message: str, id: str, error: str) -> None:
    with running(id):
        line = JSONFormatter().format(record("%s", message, exc_info=an_error(error)))
    assert "\n" not in line
    assert "\r" not in line
    read = json.loads(line.encode())
    if message.isprintable():
        assert read["message"] == message


# -- the handler ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("form", "formatter"), [("plain", PlainFormatter), ("json", JSONFormatter)])
def test_the_root_logger_gets_one_handler_of_the_form_asked_for(root: logging.Logger, form: str, formatter: type) -> None:
    root.addHandler(logging.NullHandler())
    stream = io.StringIO()
    configure("INFO", form, stream)
    assert [type(handler.formatter) for handler in root.handlers] == [formatter]
    logging.getLogger("shop").info("shown")
    logging.getLogger("shop").debug("not shown")
    assert stream.getvalue().count("\n") == 1
    assert "shown" in stream.getvalue()


def test_the_log_goes_to_standard_error(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO")
    logging.getLogger("shop").info("here")
    printed = capsys.readouterr()
    assert printed.err.endswith(" here\n")
    assert printed.out == ""


def test_the_log_goes_to_a_file_where_one_is_named(root: logging.Logger, tmp_path: Path) -> None:
    configure("INFO", "json", file=tmp_path / "w.log")
    logging.getLogger("shop").info("数")
    root.handlers[0].close()
    assert json.loads((tmp_path / "w.log").read_text(encoding="utf-8"))["message"] == "数"


def test_a_file_that_cannot_be_written_is_named_with_the_reason(root: logging.Logger, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"--logfile .*none/w\.log: .* No such file or directory\. Make its folder"):
        configure("INFO", file=tmp_path / "none" / "w.log")
