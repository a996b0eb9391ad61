"""``drain()``: run all that a test has enqueued, and what that enqueues, until nothing is left."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import Any

from celeriac.app import Celery
from celeriac.current import current_app
from celeriac.eager import attempt_here
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.job import LIVE, Job, State
from celeriac.testing.enqueued import described
from celeriac.testing.outcomes import Outcome, outcome_of_attempt, outcome_of_job
from celeriac.testing.recorder import Recorder, SharedBroker
from celeriac.transactional import eager_transaction

MOST_ATTEMPTS = 1000
"""Jobs that enqueue one another for ever would never be drained."""
WORKER = "testing@localhost"
FOR_EVER = 1e12


def drain(*, within: float | None = None, propagate: bool = True, timeout: float = 10.0, app: Any = None) -> list[Outcome]:
    """Run every job there is, in order, with what these enqueue and with their retries; return what each attempt ended in.

    With ``mode="record"`` they run here, on this thread's database connection. What is due later is not waited for: the clock
    of the jobs moves on, by at most ``within`` seconds where that is given. With ``mode="worker"``: wait, at most ``timeout``
    seconds, until the worker has ended all that was enqueued.

    Raises the exception of the first job that fails for good, unless ``propagate`` is False; ``AssertionError`` where jobs go
    on for ever; ``RuntimeError`` where there is nothing to drain, because no ``override`` is in force.
    """
    app = app or current_app()
    broker = app.broker()
    if isinstance(broker, Recorder):
        return _Drain(app, broker, within, propagate).run()
    if isinstance(broker, SharedBroker):
        return _wait_for_worker(app, broker, timeout, propagate)
    raise RuntimeError(
        'drain() runs the jobs that were enqueued under celeriac.testing.override(mode="record") or mode="worker", and neither'
        ' is in force here. Put @override(mode="record") on the test, or use the fixture celeriac_record.'
    )


class _Drain:
    """One call of ``drain``. It is a worker of its own to the broker."""

    def __init__(self, app: Celery, recorder: Recorder, within: float | None, propagate: bool) -> None:
        app.discover()
        app.finalize()
        self.recorder = recorder
        self.broker = recorder.clone()
        self.propagate = propagate
        self.until = FOR_EVER if within is None else recorder.clock.wall() + within
        self.outcomes: list[Outcome] = []
        self.child = uuid.uuid4().hex
        self.runner = app.runner(
            hostname=WORKER, reporter=self.broker.report, transactions=partial(eager_transaction, app.settings.broker_url)
        )

    def run(self) -> list[Outcome]:
        info = WorkerInfo(id=self.child, name=WORKER, host="", pid=0, pool="solo", concurrency=1, queues=[])
        self.broker.join(info, FOR_EVER)
        self.broker.enrol(self.child, self.child)
        try:
            while job := self._next():
                self._attempt(job)
            return self.outcomes
        finally:
            self.broker.leave(self.child)
            self.broker.close()

    def _next(self) -> Job | None:
        """Return the next job, claimed; move the clock on where the next is due later."""
        while True:
            self.recorder.settle_transactions()
            due_in: float | None = self.broker.promote(1000)
            waiting = self.broker.find({"state": State.WAITING}, 100_000)
            for job in sorted(waiting, key=lambda job: (-job.priority, job.number)):
                if claimed := self.broker.claim([job.queue], 1, self.child):
                    taken: Job = claimed[0]
                    return taken
            if due_in is None or self.recorder.clock.wall() + due_in > self.until:
                return None
            self.recorder.clock.advance(due_in + 0.001)

    def _attempt(self, job: Job) -> None:
        if len(self.outcomes) >= MOST_ATTEMPTS:
            raise AssertionError(
                f"drain() has run {MOST_ATTEMPTS} attempts, and {described(job)} still waits. Does a task enqueue itself, or is"
                " it retried for ever? drain(within=60) stops at what is due in the next 60 s."
            )
        attempt = attempt_here(self.runner, job)
        self.broker.settle([self.runner.outcome(attempt)])
        self.outcomes.append(outcome_of_attempt(attempt))
        if attempt.error is not None and self._raises(attempt):
            raise attempt.error

    def _raises(self, attempt: Attempt) -> bool:
        """Return whether the error of an attempt is the test's: what fails for good, and what was never meant for a task."""
        if isinstance(attempt.error, KeyboardInterrupt | SystemExit):
            return True
        return self.propagate and attempt.state in (State.FAILED, State.PARKED)


def _wait_for_worker(app: Celery, broker: SharedBroker, timeout: float, propagate: bool) -> list[Outcome]:
    deadline = time.monotonic() + timeout
    for job in reversed(broker.find({}, 100_000)):
        broker.wait(job.id, max(0.0, deadline - time.monotonic()))
    jobs = broker.find({}, 100_000)
    live = [job for job in jobs if job.state in LIVE]
    if live and time.monotonic() < deadline:
        return _wait_for_worker(app, broker, deadline - time.monotonic(), propagate)  # these were enqueued meanwhile
    if live:
        waiting = "\n".join(f"  {described(job)}: {job.state.value}" for job in reversed(live))
        raise AssertionError(f"The worker has not ended these jobs within {timeout:g} s:\n{waiting}")
    outcomes = [outcome_of_job(app, job) for job in reversed(jobs)]
    failed = next((outcome.error for outcome in outcomes if outcome.error is not None and outcome.state == "FAILURE"), None)
    if failed is not None and propagate:
        raise failed
    return outcomes
