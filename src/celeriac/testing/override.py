"""``override(mode=...)``: what becomes of the jobs that a test enqueues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from django.test.utils import TestContextDecorator

from celeriac.app import Celery
from celeriac.current import current_app
from celeriac.engine.errors import did_you_mean
from celeriac.testing.recorder import MovableClock, Recorder, SharedBroker
from celeriac.testing.worker import start_worker


class override(TestContextDecorator):  # noqa: N801 - used as a function, as Django's override_settings
    """Decide what becomes of jobs, in a ``with`` block, a test function or every test of a ``TestCase`` class.

    ``"record"``
        They are kept, and run when ``drain()`` is called. In memory: no database is needed.
    ``"eager"``
        They run at their call, retries included. An exception of the task is raised there, unless ``propagate`` is False.
    ``"worker"``
        They run in a worker: another thread of this process, with database connections of its own. Options of it:
        ``pool``, ``concurrency``, ``queues``.

    ``app`` is the Celery object; None for the current one.
    """

    def __init__(self, mode: str = "record", *, app: Any = None, propagate: bool = True, **worker: Any) -> None:
        super().__init__()
        if mode not in _MODES:
            raise ValueError(f"override(mode={mode!r}): there are {', '.join(map(repr, _MODES))}.{did_you_mean(mode, _MODES)}")
        if worker and mode != "worker":
            raise TypeError(f'override(mode={mode!r}) takes no {", ".join(worker)}: that is for mode="worker".')
        self._mode = mode
        self._app = app
        self._options = {"propagate": propagate, **worker}
        self._entered: list[ExitStack] = []

    def enable(self) -> None:
        """Begin."""
        app = self._app or current_app()
        with ExitStack() as stack:
            stack.enter_context(_MODES[self._mode](app, **self._options))
            self._entered.append(stack.pop_all())

    def disable(self) -> None:
        """Return to what was before."""
        self._entered.pop().close()


@contextmanager
def _record(app: Celery, propagate: bool) -> Iterator[None]:
    clock = MovableClock(app.clock)
    with app.conf.override(task_always_eager=False), _in_place(app, Recorder(app, clock), clock=clock):
        yield


@contextmanager
def _run_eagerly(app: Celery, propagate: bool) -> Iterator[None]:
    with app.conf.override(task_always_eager=True, task_eager_propagates=propagate):
        yield


@contextmanager
def _run_in_worker(app: Celery, propagate: bool, **options: Any) -> Iterator[None]:
    with (
        app.conf.override(task_always_eager=False),
        _in_place(app, SharedBroker(app)),
        start_worker(app, perform_ping_check=False, **options),
    ):
        yield


@contextmanager
def _in_place(app: Celery, broker: Any, **parts: Any) -> Iterator[None]:
    """Let ``app`` use another broker, in every thread: attributes of the instance hide the methods of its class."""
    own: dict[str, Any] = vars(app)
    new = {"broker": lambda: broker, **parts}
    before = {name: own[name] for name in new if name in own}
    own.update(new)
    try:
        yield
    finally:
        for name in new:
            del own[name]
        own.update(before)
        broker.close()


_MODES: Mapping[str, Any] = {"record": _record, "eager": _run_eagerly, "worker": _run_in_worker}
