from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.app import Celery
from celeriac.engine.request import Request, current_request
from celeriac.engine.worker.joblog import JobLogHandler, LogBuffer
from celeriac.utils.log import get_logger, get_task_logger
from tests.unit.conftest import Worker


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.joblog")
    handler = JobLogHandler(limit=400)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@given(st.lists(st.text(max_size=60), max_size=30), st.integers(0, 300))
def test_a_buffer_never_holds_more_than_its_limit_and_says_what_it_left_out(lines: list[str], limit: int) -> None:
    buffer = LogBuffer(limit)
    for line in lines:
        buffer.write(line)
    whole, text = "\n".join(lines), buffer.text()
    if len("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")) <= limit:
        assert text == (whole if lines else None)
    else:
        assert text is not None
        kept = text.rpartition("... ")[0].rpartition("... ")[0]
        assert text.endswith("more bytes were logged and not kept ...")
        assert len(kept.encode("utf-8", "backslashreplace")) <= limit
        assert whole.startswith(kept.rstrip("\n"))


def test_an_empty_buffer_is_nothing() -> None:
    assert LogBuffer().text() is None


def test_outside_a_job_nothing_is_kept(logger: logging.Logger) -> None:
    logger.info("nobody keeps this")
    assert current_request.get() is None


def test_a_job_that_logs_nothing_has_no_buffer(app: Celery, worker: Worker, logger: logging.Logger) -> None:
    app.task(lambda: None).delay()
    outcome = worker.run_one()
    assert outcome is not None
    assert outcome.log is None


def test_what_a_job_logs_goes_with_its_outcome(app: Celery, worker: Worker, logger: logging.Logger) -> None:
    inner = app.task(name="inner")(lambda: logger.info("in a direct call"))

    @app.task
    def body() -> None:
        logger.info("number %d", 7)
        logger.debug("below the level")
        inner()
        try:
            1 / 0  # noqa: B018 - for its exception
        except ZeroDivisionError:
            logger.exception("trouble")

    body.delay()
    outcome = worker.run_one()
    assert outcome is not None
    assert outcome.log is not None
    lines = outcome.log.splitlines()
    assert lines[0].endswith("INFO tests.joblog: number 7")
    assert lines[1].endswith("in a direct call")
    assert lines[2].endswith("ERROR tests.joblog: trouble")
    assert "ZeroDivisionError" in outcome.log


def test_a_long_log_is_cut_and_says_so(app: Celery, worker: Worker, logger: logging.Logger) -> None:
    app.task(lambda: [logger.info("x" * 100) for _ in range(50)] and None).delay()
    outcome = worker.run_one()
    assert outcome is not None
    assert outcome.log is not None
    assert len(outcome.log) < 600
    assert outcome.log.endswith("more bytes were logged and not kept ...")


def test_a_message_that_cannot_be_formatted_does_not_fail_the_job(
    app: Celery, worker: Worker, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.propagate = False
    app.task(lambda: logger.info("%d", "not a number")).delay()
    outcome = worker.run_one()
    logger.propagate = True
    assert outcome is not None
    assert outcome.state.value == "succeeded"


def test_filters_and_levels_of_the_handler_hold() -> None:
    handler = JobLogHandler(level=logging.ERROR)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger = logging.getLogger("alone")
    logger.addHandler(handler)
    request = Request()
    token = current_request.set(request)
    logger.info("too low")
    logger.error("secret")
    logger.error("kept")
    current_request.reset(token)
    assert request.log.text().endswith("ERROR alone: kept")


def test_task_loggers_pass_through_celery_task() -> None:
    logger = get_task_logger("tests.some.module")
    assert logger.name == "tests.some.module"
    assert get_logger("tests.other.module").parent in (logging.getLogger("celery"), logging.getLogger("tests"))
    for name in ("celery", "celery.task"):
        with pytest.raises(RuntimeError, match="reserved"):
            get_task_logger(name)


def test_a_task_logger_reaches_a_handler_on_celery_task(caplog: pytest.LogCaptureFixture) -> None:
    logger = get_task_logger("standalone_module_of_a_test")
    assert logger.parent is logging.getLogger("celery.task")
    logger.warning("seen")
    assert "seen" in caplog.text
