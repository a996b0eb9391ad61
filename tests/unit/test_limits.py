"""Soft time limits: raised inside the body, by the means of its thread, and never outside it."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.engine.errors import SoftTimeLimitExceeded, TaskCancelled
from celeriac.engine.worker import limits as limiting
from celeriac.engine.worker.limits import MainThreadLimits, ThreadGuard, ThreadLimits
from celeriac.testing.conformance.scenario import PATIENCE, start

SOON, NEVER = 0.01, 3600.0


def wait_for_ever() -> None:
    """Block in the kernel, as a body does that waits for a server."""
    select.select([], [], [], PATIENCE)


def spin() -> None:
    """Be busy without end, as a body does that computes."""
    while True:
        pass


# -- the main thread -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def main_limits() -> Iterator[MainThreadLimits]:
    """Limits by SIGALRM, which is put back as it was: the suite's own timeout uses it."""
    handler, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 0)
    yield MainThreadLimits()
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, *timer)


@pytest.mark.parametrize("body", [wait_for_ever, spin])
def test_in_the_main_thread_it_interrupts_a_body_that_waits_or_computes(main_limits: MainThreadLimits, body: Any) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        main_limits.call(SOON, body, (), {})


def test_a_body_in_time_returns_its_value_and_no_timer_is_left(main_limits: MainThreadLimits) -> None:
    assert main_limits.call(NEVER, divmod, (7, 2), {}) == (3, 1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_body_that_raises_leaves_no_timer(main_limits: MainThreadLimits) -> None:
    with pytest.raises(ZeroDivisionError):
        main_limits.call(NEVER, divmod, (1, 0), {})
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_outside_the_body_raises_nothing(main_limits: MainThreadLimits) -> None:
    signal.raise_signal(signal.SIGALRM)
    assert main_limits.call(NEVER, int, (), {}) == 0
    signal.raise_signal(signal.SIGALRM)


def test_a_body_may_catch_it_and_clean_up_undisturbed(main_limits: MainThreadLimits) -> None:
    def body() -> str:
        try:
            wait_for_ever()
        except SoftTimeLimitExceeded:
            signal.raise_signal(signal.SIGALRM)
            return "cleaned up"
        return "not stopped"

    assert main_limits.call(SOON, body, (), {}) == "cleaned up"


# -- pool threads --------------------------------------------------------------------------------------------------------------


def test_in_a_pool_thread_it_interrupts_a_body_that_computes() -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        start(lambda: ThreadLimits().call(SOON, spin, (), {})).finish()


def test_in_a_pool_thread_a_body_may_catch_it_and_clean_up() -> None:
    def body() -> str:
        try:
            spin()
        except SoftTimeLimitExceeded:
            return "cleaned up"

    assert start(lambda: ThreadLimits().call(SOON, body, (), {})).finish() == "cleaned up"


def test_in_a_pool_thread_a_body_in_time_returns_its_value_and_its_timer_ends() -> None:
    before = set(threading.enumerate())
    assert start(lambda: ThreadLimits().call(NEVER, divmod, (7, 2), {})).finish() == (3, 1)
    for timer in set(threading.enumerate()) - before:
        timer.join(PATIENCE)
        assert not timer.is_alive()


def test_a_guard_throws_into_its_own_thread_only() -> None:
    guards: list[ThreadGuard] = []
    inside = threading.Event()

    def guarded() -> None:
        guards.append(ThreadGuard())
        guards[0].call(lambda: (inside.set(), spin()), (), {})

    actor = start(guarded)
    assert inside.wait(PATIENCE)
    assert guards[0].throw(TaskCancelled)
    with pytest.raises(TaskCancelled):
        actor.finish()


def test_after_the_call_a_guard_throws_nothing_and_says_so() -> None:
    guard = ThreadGuard()
    assert not guard.throw(SoftTimeLimitExceeded)
    assert guard.call(divmod, (7, 2), {}) == (3, 1)
    assert not guard.throw(SoftTimeLimitExceeded)
    assert sum(range(1000)) == 499_500  # bytecode enough for an exception to arrive


def test_after_a_body_that_raised_a_guard_throws_nothing() -> None:
    guard = ThreadGuard()
    with pytest.raises(ZeroDivisionError):
        guard.call(divmod, (1, 0), {})
    assert not guard.throw(SoftTimeLimitExceeded)


def test_what_is_thrown_as_the_body_ends_hits_the_call_or_nobody() -> None:
    def thrown_at_the_end() -> bool:
        guard = ThreadGuard()
        try:
            guard.call(guard.throw, (TaskCancelled,), {})
        except TaskCancelled:
            pass
        for _ in range(1000):
            pass
        return guard.throw(TaskCancelled)

    for _ in range(50):
        assert start(thrown_at_the_end).finish() is False


def leaves(actor: threading.Thread) -> bool:
    """Return whether a thread waits for the lock with which a guard ends its call."""
    frame = sys._current_frames().get(actor.ident or 0)
    return frame is not None and frame.f_code is ThreadGuard._leave.__code__ and frame.f_lineno > frame.f_code.co_firstlineno


def test_what_is_thrown_after_the_body_returned_and_before_the_call_does_hits_nobody() -> None:
    guards: list[ThreadGuard] = []
    ready, go = threading.Event(), threading.Event()

    def guarded() -> str:
        guards.append(ThreadGuard())
        ready.set()
        go.wait(PATIENCE)
        guards[0].call(int, (), {})
        for _ in range(1000):
            pass
        return "untouched"

    actor = start(guarded)
    assert ready.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    with guards[0]._lock:
        go.set()
        while not leaves(actor):
            assert time.monotonic() < deadline
        limiting._raise_in_thread(actor.ident, TaskCancelled)
    assert actor.finish() == "untouched"


# -- coroutines ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[ThreadLimits, MainThreadLimits])
def limits(request: pytest.FixtureRequest) -> Any:
    """Limits of each kind: they treat coroutines alike."""
    return request.getfixturevalue("main_limits") if request.param is MainThreadLimits else request.param()


async def stay() -> str:
    try:
        await asyncio.Event().wait()
    except SoftTimeLimitExceeded:
        await asyncio.sleep(0)
        return "cleaned up"
    return "not stopped"


def test_a_coroutine_is_interrupted_where_it_waits(limits: Any) -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(SoftTimeLimitExceeded):
            await limits.wrap(SOON, wait())

    asyncio.run(main())


def test_a_coroutine_may_catch_it_go_on_and_nothing_of_the_cancellation_is_left(limits: Any) -> None:
    async def main() -> tuple[str, int]:
        said = await limits.wrap(SOON, stay())
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return said, task.cancelling()

    assert asyncio.run(main()) == ("cleaned up", 0)


def test_a_coroutine_in_time_returns_its_value_and_is_not_interrupted_later(limits: Any) -> None:
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    async def main() -> int:
        value: int = await limits.wrap(SOON, add(2, 3))
        await asyncio.sleep(3 * SOON)  # past the limit: whatever was to fire has fired
        return value

    assert asyncio.run(main()) == 5


def test_an_error_of_a_coroutine_comes_out_as_it_is(limits: Any) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("till")

    async def main() -> None:
        with pytest.raises(KeyError, match="till"):
            await limits.wrap(NEVER, fail())

    asyncio.run(main())


def test_a_cancellation_by_somebody_else_stays_a_cancellation(limits: Any) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(limits.wrap(NEVER, stay()))
        await asyncio.sleep(0)
        task.cancel("by the worker")
        with pytest.raises(asyncio.CancelledError, match="by the worker"):
            await task

    asyncio.run(main())


def test_each_coroutine_has_its_own_limit(limits: Any) -> None:
    async def main() -> list[Any]:
        async def quick() -> str:
            await asyncio.sleep(3 * SOON)
            return "in time"

        return await asyncio.gather(limits.wrap(SOON, stay()), limits.wrap(NEVER, quick()))

    assert asyncio.run(main()) == ["cleaned up", "in time"]
