"""Every way an attempt can end, on the pipeline alone: a fake clock, a registry of one task, no broker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from celeriac.engine import errors
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.classifier import CANCEL_MESSAGE
from celeriac.engine.attempt.failure import MAX_TRACEBACK, describe
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.codec import decode_failure, decode_result, encode_payload
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from celeriac.engine.registry import Registry
from celeriac.engine.request import current_request, running_request
from celeriac.testing.clock import FakeClock


class PlainTask:
    """The least that the pipeline asks of a task."""

    name = "t"
    is_async = False
    ignore_result = False
    acks_late = None
    transactional = False
    track_started = False
    throws: tuple[type[BaseException], ...] = ()
    max_retries: int | None = 3
    default_retry_delay = 180.0
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_kwargs: ClassVar[dict[str, Any]] = {}
    retry_backoff: bool | float = False
    retry_backoff_max = 600.0
    retry_jitter = False
    time_limit: float | None = None
    soft_time_limit: float | None = None
    overrides: frozenset[str] = frozenset()

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function = function
        self.told: list[tuple[Any, ...]] = []
        for name, value in options.items():
            setattr(self, name, value)

    def body(self) -> Callable[..., Any]:
        return self.function

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        self.told.append(("before_start", task_id, args, kwargs))

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        self.told.append(("on_success", retval, task_id))

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.told.append(("on_failure", exc, str(einfo)))

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.told.append(("on_retry", exc))

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.told.append(("after_return", status, retval))


ALL_HOOKS = frozenset({"before_start", "on_success", "on_failure", "on_retry", "after_return"})


def runner_of(function: Callable[..., Any], clock: FakeClock | None = None, parts: Any = None, **options: Any) -> AttemptRunner:
    registry = Registry()
    registry.register(PlainTask(function, **options))
    return AttemptRunner(registry, clock or FakeClock(), hostname="w@h", **(parts or {}))


def job(*args: Any, embed: Any = None, task: str = "t", **fields: Any) -> Job:
    return Job(
        id="j", task=task, queue="q", payload=encode_payload("t", args, {}, embed), number=7, child="c", delivery=1, **fields
    )


def run(function: Callable[..., Any], *args: Any, embed: Any = None, fields: Any = None, **options: Any) -> Outcome:
    return runner_of(function, **options).run(job(*args, embed=embed, **(fields or {})))


def fail(error: BaseException) -> Callable[..., Any]:
    def body(*args: Any) -> None:
        raise error

    return body


# -- success ---------------------------------------------------------------------------------------------------------------


def test_a_body_that_returns_succeeds_with_its_value() -> None:
    clock = FakeClock(wall=100.0)

    def body(a: int, b: int) -> int:
        clock.advance(2.5)
        return a + b

    outcome = runner_of(body, clock).run(job(2, 3))
    assert (outcome.state, outcome.started, outcome.finished) == (State.SUCCEEDED, 100.0, 102.5)
    assert decode_result(outcome.result or b"") == 5
    assert outcome.token == (7, "c", 1)
    assert (outcome.failure, outcome.log, outcome.worker, outcome.counts) == (None, None, "w@h", True)


@pytest.mark.parametrize(
    ("of_task", "of_call", "kept"), [(False, None, True), (True, None, False), (False, True, False), (True, False, True)]
)
def test_a_result_is_kept_unless_task_or_call_says_not(of_task: bool, of_call: bool | None, kept: bool) -> None:
    embed = {} if of_call is None else {"ignore_result": of_call}
    outcome = run(lambda: object() if not kept else 1, embed=embed, ignore_result=of_task)
    assert (outcome.state, outcome.result is not None) == (State.SUCCEEDED, kept)


def test_a_result_that_is_not_json_fails_the_job_and_says_why() -> None:
    outcome = run(object)
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.type == "ResultNotEncodable"
    assert decode_failure(outcome.result or b"").message.startswith("The return value: <object object")


# -- failure ---------------------------------------------------------------------------------------------------------------


def test_an_exception_fails_the_job_with_its_traceback() -> None:
    outcome = run(fail(ValueError("no", 2)))
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert (outcome.failure.module, outcome.failure.type, outcome.failure.arguments) == ("builtins", "ValueError", ["no", 2])
    assert "raise error\nValueError: ('no', 2)" in outcome.failure.traceback
    assert decode_failure(outcome.result or b"").traceback == ""


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError(), MemoryError()])
def test_whatever_leaves_a_body_is_an_outcome_and_ends_nobody_else(error: BaseException) -> None:
    outcome = run(fail(error))
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.type == type(error).__name__


def test_an_error_whose_text_cannot_be_made_is_still_recorded() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    outcome = run(fail(Broken()))
    assert outcome.failure is not None
    assert outcome.failure.message == "<Broken whose str() raised RuntimeError>"


def test_a_traceback_without_end_is_shortened_in_the_middle() -> None:
    error = ValueError("x" * 100_000)
    assert len(describe(error).traceback) < MAX_TRACEBACK + 100
    assert "characters left out" in describe(error).traceback


def test_wrong_arguments_fail_the_job() -> None:
    outcome = run(lambda a: a)
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.type == "TypeError"


# -- retry -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "run_at"), [(None, 1000.0), (30, 1030.0), (2.5, 1002.5), (datetime.fromtimestamp(5000, UTC), 5000.0)]
)
def test_a_retry_schedules_the_job_again(when: Any, run_at: float) -> None:
    outcome = runner_of(fail(errors.Retry(when=when)), FakeClock(wall=1000.0)).run(job())
    assert (outcome.state, outcome.run_at, outcome.counts, outcome.result) == (State.SCHEDULED, run_at, True, None)


def test_a_retry_may_change_arguments_and_queue() -> None:
    outcome = run(fail(errors.Retry(payload=b"[[2],{},{}]", queue="slow")))
    assert (outcome.payload, outcome.queue) == (b"[[2],{},{}]", "slow")


def test_a_retry_is_remembered_by_the_error_that_caused_it() -> None:
    outcome = run(fail(errors.Retry(exc=ValueError("why"))))
    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.message) == ("ValueError", "why")


def test_a_retry_asked_for_without_raising_takes_effect_when_the_body_has_returned() -> None:
    def body() -> str:
        request = current_request.get()
        assert request is not None
        request.again = errors.Retry(when=5)
        return "not kept"

    outcome = run(body)
    assert (outcome.state, outcome.result) == (State.SCHEDULED, None)


def test_named_exceptions_are_retried_until_the_limit_and_then_fail_as_themselves() -> None:
    states = [
        run(fail(ConnectionError("x")), fields={"attempts": n}, autoretry_for=(OSError,), max_retries=2).state for n in range(4)
    ]
    assert states == [State.SCHEDULED, State.SCHEDULED, State.FAILED, State.FAILED]
    last = run(fail(ConnectionError("x")), fields={"attempts": 2}, autoretry_for=(OSError,), max_retries=2)
    assert last.failure is not None
    assert last.failure.type == "ConnectionError"


def test_automatic_retries_wait_longer_each_time() -> None:
    runner = runner_of(
        fail(OSError()), FakeClock(wall=0.0), autoretry_for=(OSError,), retry_backoff=2, retry_backoff_max=10, max_retries=None
    )
    assert [runner.run(job(attempts=n)).run_at for n in range(5)] == [2, 4, 8, 10, 10]


def test_an_attempt_after_the_first_is_marked_so_that_its_history_is_kept() -> None:
    assert not run(lambda: 1).retried
    assert run(lambda: 1, fields={"attempts": 1}).retried


# -- steering --------------------------------------------------------------------------------------------------------------


def test_ignore_ends_the_job_without_a_result() -> None:
    outcome = run(fail(errors.Ignore()))
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, None)
    assert outcome.failure is not None
    assert outcome.failure.type == "Ignore"


def test_reject_fails_the_job_and_with_requeue_hands_it_back_uncounted() -> None:
    assert run(fail(errors.Reject("bad"))).state is State.FAILED
    back = run(fail(errors.Reject("later", requeue=True)))
    assert (back.state, back.counts) == (State.WAITING, False)


def test_a_task_may_declare_itself_revoked() -> None:
    assert run(fail(errors.TaskRevokedError("x"))).state is State.CANCELLED


def test_a_body_that_was_ended_by_revoke_is_cancelled() -> None:
    outcome = run(fail(errors.TaskCancelled()), autoretry_for=(BaseException,))
    assert outcome.state is State.CANCELLED
    assert outcome.failure is not None
    assert outcome.failure.type == "TaskRevokedError"


# -- before the body -------------------------------------------------------------------------------------------------------


def never() -> None:
    raise AssertionError("the body must not be called")


def test_an_expired_job_does_not_run() -> None:
    runner = runner_of(never, FakeClock(wall=100.0))
    assert runner.run(job(expires=100.0)).state is State.EXPIRED
    assert runner_of(lambda: 1, FakeClock(wall=99.9)).run(job(expires=100.0)).state is State.SUCCEEDED


def test_an_unknown_task_is_parked_with_the_nearest_name() -> None:
    outcome = runner_of(never, name="blog.tasks.rank").run(job(task="blog.task.rank"))
    assert (outcome.state, outcome.counts) == (State.PARKED, False)
    assert outcome.failure is not None
    assert "Did you mean 'blog.tasks.rank'?" in outcome.failure.message


def test_unreadable_arguments_park_the_job() -> None:
    spoiled = job()
    spoiled.payload = b"\x80\x04cos\nsystem"
    outcome = runner_of(never).run(spoiled)
    assert outcome.state is State.PARKED
    assert outcome.failure is not None
    assert outcome.failure.type == "UnreadablePayload"


# -- hooks -----------------------------------------------------------------------------------------------------------------


def told(function: Callable[..., Any], fields: Any = None, **options: Any) -> tuple[Outcome, list[tuple[Any, ...]]]:
    runner = runner_of(function, overrides=ALL_HOOKS, **options)
    outcome = runner.run(job(**(fields or {})))
    return outcome, runner.registry["t"].told


def test_hooks_are_told_of_success() -> None:
    _, calls = told(lambda: 5)
    assert calls == [("before_start", "j", [], {}), ("on_success", 5, "j"), ("after_return", "SUCCESS", 5)]


def test_hooks_are_told_of_failure_with_the_traceback() -> None:
    error = ValueError("x")
    _, calls = told(fail(error))
    assert [call[:2] for call in calls[1:]] == [("on_failure", error), ("after_return", "FAILURE")]
    assert calls[1][2].endswith("ValueError: x\n")


def test_hooks_are_told_of_a_retry() -> None:
    _, calls = told(fail(errors.Retry(when=1)))
    assert [call[0] for call in calls] == ["before_start", "on_retry", "after_return"]
    assert calls[2][1] == "RETRY"


def test_a_result_that_is_not_json_is_a_failure_for_the_hooks_too() -> None:
    _, calls = told(object)
    assert [call[0] for call in calls] == ["before_start", "on_failure", "after_return"]


def test_after_ignore_and_reject_no_hook_is_called() -> None:
    for error in (errors.Ignore(), errors.Reject(requeue=True)):
        assert [call[0] for call in told(fail(error))[1]] == ["before_start"]


def test_what_before_start_raises_fails_the_attempt() -> None:
    runner = runner_of(never, overrides=frozenset({"before_start"}), before_start=fail(ValueError("not now")))
    outcome = runner.run(job())
    assert outcome.state is State.FAILED
    assert current_request.get() is None


@pytest.mark.parametrize("hook", ["on_success", "after_return"])
def test_a_hook_that_raises_is_logged_and_changes_nothing(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("hook")

    runner = runner_of(lambda: 1, overrides=frozenset({hook}), **{hook: broken})
    assert runner.run(job()).state is State.SUCCEEDED
    assert "the job's outcome is not changed by it" in caplog.text


# -- what the attempt shows ------------------------------------------------------------------------------------------------


def test_the_body_sees_its_request_and_nobody_does_afterwards() -> None:
    seen: list[Any] = []

    def body(*args: Any) -> None:
        seen.append(running_request())

    run(body, 1, fields={"attempts": 2, "root": "r", "parent": "p", "headers": {"tenant": "a"}})
    request = seen[0]
    assert (request.id, request.task, request.args, request.retries) == ("j", "t", [1], 2)
    assert (request.root_id, request.parent_id, request.headers, request.tenant) == ("r", "p", {"tenant": "a"}, "a")
    assert (request.hostname, request.is_eager, request.called_directly) == ("w@h", False, False)
    assert request.get("tenant") == "a"
    assert request.get("nothing", 5) == 5
    assert (request.shadow, request.stamps, request.replaced_task_nesting) == (None, None, 0)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = request.nothing
    assert current_request.get() is None


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[str, Attempt]] = []

    def started(self, attempt: Attempt) -> None:
        self.seen.append(("started", attempt))

    def broke(self, attempt: Attempt) -> None: ...

    def ended(self, attempt: Attempt) -> None:
        self.seen.append(("ended", attempt))


def test_observers_are_told_of_start_and_end_and_of_attempts_that_never_start() -> None:
    recorder = Recorder()
    runner = runner_of(lambda: 1, parts={"observers": [recorder]})
    runner.run(job())
    runner.run(job(expires=1.0))
    runner.run(job(task="unknown"))
    assert [(what, attempt.state) for what, attempt in recorder.seen[1:]] == [
        ("ended", State.SUCCEEDED), ("ended", State.EXPIRED), ("ended", State.PARKED),
    ]  # fmt: skip
    assert [attempt.request is None for _, attempt in recorder.seen] == [False, False, True, True]


def test_a_running_attempt_is_published_and_withdrawn_also_when_it_fails() -> None:
    calls: list[str] = []
    parts = {"publish": lambda attempt: calls.append("publish"), "withdraw": lambda attempt: calls.append("withdraw")}
    runner_of(fail(ValueError()), parts=parts).run(job())
    assert calls == ["publish", "withdraw"]


def test_follow_ups_are_built_only_for_jobs_that_carry_options() -> None:
    follow_up = Job(id="f", task="t", queue="q", payload=b"")
    parts = {"follow_ups": lambda attempt: (follow_up,)}
    assert runner_of(lambda: 1, parts=parts).run(job(embed={"callbacks": []})).follow_ups == (follow_up,)
    assert runner_of(lambda: 1, parts=parts).run(job()).follow_ups == ()


def test_what_was_logged_goes_with_the_outcome() -> None:
    class Log:
        def text(self) -> str:
            return "one line"

    def body() -> None:
        request = current_request.get()
        assert request is not None
        request.log = Log()

    assert run(body).log == "one line"


# -- limits ----------------------------------------------------------------------------------------------------------------


class Limits:
    """Says which limit was asked for, and exceeds it at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def call(self, seconds: float, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.seconds.append(seconds)
        raise errors.SoftTimeLimitExceeded

    def wrap(self, seconds: float, coroutine: Any) -> Any:
        self.seconds.append(seconds)
        return coroutine


@pytest.mark.parametrize(("of_task", "of_call", "seconds"), [(5.0, None, 5.0), (5.0, 2.0, 2.0), (None, 2.0, 2.0)])
def test_the_calls_soft_limit_wins_over_the_tasks(of_task: float | None, of_call: float | None, seconds: float) -> None:
    limits = Limits()
    embed = {} if of_call is None else {"soft_time_limit": of_call}
    outcome = runner_of(lambda: 1, parts={"limits": limits}, soft_time_limit=of_task).run(job(embed=embed))
    assert limits.seconds == [seconds]
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.type == "SoftTimeLimitExceeded"


def test_without_a_soft_limit_nothing_is_timed() -> None:
    limits = Limits()
    assert runner_of(lambda: 1, parts={"limits": limits}).run(job()).state is State.SUCCEEDED
    assert limits.seconds == []


def test_the_hard_limit_is_published_with_the_attempt() -> None:
    seen: list[float | None] = []
    parts = {"publish": lambda attempt: seen.append(attempt.hard_limit)}
    runner = runner_of(lambda: 1, parts=parts, time_limit=9.0)
    runner.run(job())
    runner.run(job(embed={"time_limit": 3.0}))
    assert seen == [9.0, 3.0]


# -- coroutines ------------------------------------------------------------------------------------------------------------


def run_async(function: Callable[..., Any], parts: Any = None, **options: Any) -> Outcome:
    runner = runner_of(function, parts=parts, is_async=True, **options)
    return asyncio.run(runner.run_async(job()))


def test_a_coroutine_is_awaited() -> None:
    async def body() -> str:
        await asyncio.sleep(0)
        request = running_request()
        assert request is not None
        return str(request.id)

    assert decode_result(run_async(body).result or b"") == "j"


def test_a_coroutine_that_raises_fails() -> None:
    async def body() -> None:
        raise ValueError

    assert run_async(body).state is State.FAILED


def test_a_coroutine_cancelled_by_revoke_is_cancelled_and_by_anything_else_fails() -> None:
    async def body(message: str | None = None) -> None:
        raise asyncio.CancelledError(*([CANCEL_MESSAGE] if message is None else []))

    async def cancelled_by_itself() -> None:
        raise asyncio.CancelledError

    assert run_async(body).state is State.CANCELLED
    assert run_async(cancelled_by_itself).state is State.FAILED


def test_a_coroutine_with_a_soft_limit_is_wrapped() -> None:
    async def body() -> int:
        return 1

    limits = Limits()
    assert run_async(body, parts={"limits": limits}, soft_time_limit=4.0).state is State.SUCCEEDED
    assert limits.seconds == [4.0]


def test_coroutines_side_by_side_see_their_own_requests() -> None:
    async def body(n: int) -> bool:
        before = running_request()
        await asyncio.sleep(0.001 * (3 - n))
        return before is not None and running_request() is before and before.args == [n]

    async def both() -> list[Outcome]:
        runner = runner_of(body, is_async=True)
        return await asyncio.gather(*(runner.run_async(job(n)) for n in range(3)))

    assert [decode_result(outcome.result or b"") for outcome in asyncio.run(both())] == [True, True, True]


# -- transactions ----------------------------------------------------------------------------------------------------------


class Transactions:
    def __init__(self, accepts: bool = True) -> None:
        self.accepts = accepts
        self.settled: list[Outcome] = []
        self.ended = ""

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Outcome], bool]]:
        try:
            yield self.settle
        except BaseException:
            self.ended = "rolled back"
            raise
        self.ended = "committed"

    def settle(self, outcome: Outcome) -> bool:
        self.settled.append(outcome)
        return self.accepts


def transactional(function: Callable[..., Any], transactions: Transactions, **options: Any) -> Outcome:
    return runner_of(function, parts={"transactions": transactions}, transactional=True, **options).run(job())


def test_a_transactional_body_settles_inside_its_transaction() -> None:
    transactions = Transactions()
    outcome = transactional(lambda: 1, transactions)
    assert (outcome.state, outcome.settled, transactions.ended) == (State.SUCCEEDED, True, "committed")
    assert transactions.settled[0].state is State.SUCCEEDED


@pytest.mark.parametrize(("error", "state"), [(ValueError(), State.FAILED), (errors.Retry(when=1), State.SCHEDULED)])
def test_a_transactional_body_that_does_not_succeed_is_rolled_back_and_settled_later(error: Exception, state: State) -> None:
    transactions = Transactions()
    outcome = transactional(fail(error), transactions)
    assert (outcome.state, outcome.settled, transactions.ended) == (state, False, "rolled back")
    assert transactions.settled == []


def test_a_transactional_attempt_is_visible_before_its_transaction_begins_which_may_wait_for_a_lock() -> None:
    seen: list[str] = []

    @contextmanager
    def transactions() -> Iterator[Callable[[Outcome], bool]]:
        seen.append("begin")
        yield lambda outcome: True

    parts = {"transactions": transactions, "publish": lambda attempt: seen.append("visible")}
    runner_of(lambda: seen.append("body"), parts=parts, transactional=True).run(job())
    assert seen == ["visible", "begin", "body"]


def test_a_lost_claim_rolls_a_transactional_body_back() -> None:
    transactions = Transactions(accepts=False)
    outcome = transactional(lambda: 1, transactions)
    assert (transactions.ended, outcome.settled, outcome.state) == ("rolled back", False, State.FAILED)
    assert outcome.failure is not None
    assert outcome.failure.type == "LeaseLost"


def test_the_log_of_the_pipeline_is_named() -> None:
    assert logging.getLogger("celeriac.attempt").name in logging.root.manager.loggerDict
