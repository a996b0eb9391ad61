"""A child process: claims jobs, runs them, settles them.

Threads and what each owns: the *main thread* claims, settles and, in prefork, runs sync bodies; it alone uses ``broker``. The
*flusher* has a connection of its own. Pool threads and the event loop only run bodies and hand outcomes to the completer. The
child ignores INT and TERM: only its master acts on them, because Ctrl-C and supervisors signal the whole group.
"""

from __future__ import annotations

import logging
import math
import os
import random
import select
import signal
import threading
import time
from collections import deque
from typing import Any

from celeriac.engine.errors import BrokerUnavailable, ChildIsDead, LeaseLost, TaskCancelled
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.slots import ENTRIES, SlotWriter
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker import fetcher as fetching
from celeriac.engine.worker.attempt import Attempt
from celeriac.engine.worker.completer import Completer
from celeriac.engine.worker.executors.loop import LoopExecutor
from celeriac.engine.worker.executors.threads import ThreadExecutor
from celeriac.engine.worker.fetcher import Fetcher
from celeriac.engine.worker.flusher import Flusher
from celeriac.engine.worker.limits import MainThreadLimits, ThreadGuard, ThreadLimits
from celeriac.engine.worker.project import Project

logger = logging.getLogger("celeriac.worker")

POLL = 1.0
"""Seconds between two looks of an idle child that nobody wakes."""
FRESH = 0.02
"""Seconds, well under ``fetcher.SLOW``: what is claimed behind a fresh body has waited too long before that one is slow."""
COMPARE_EVERY = 5.0
LONGEST_BACKOFF = 2.0


class Child:
    """One incarnation of a child, from its enrolment to its end."""

    def __init__(self, project: Project, worker: str, id: str, slot: SlotWriter, master: Channel | None) -> None:
        self.project = project
        self.options = project.options
        self.worker = worker
        self.id = id
        self.slot = slot
        self.master = master
        self.broker: Any = project.connect()
        self.notifier: Any = self.broker.notifier()
        self.inline = self.options.pool in ("prefork", "solo")
        self.fetcher = Fetcher()
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        self.completer = Completer(self._outcome_added)
        self.flusher = Flusher(project.connect(), self.completer)
        self.asleep = False
        self.stopping = False
        self.ran = 0
        self.inbox: deque[Job] = deque()
        self.entries: dict[Token, int] = {}
        self.began: dict[Token, float] = {}
        self.returned: list[Job] = []
        self.alone = False
        """Whether the last claim met a job that must run alone: until nothing else runs here, nothing is claimed."""
        self.in_flight: set[Token] = set()
        self._lock = threading.Lock()
        self.compared = self.asked = time.monotonic()
        self.looks_ahead = False
        # Without a master nobody can kill this process over one job, so a cancelled body gets an exception instead.
        self.guard = ThreadGuard() if self.inline and master is None else None
        self.running_inline: Token | None = None
        limits = MainThreadLimits() if self.inline and threading.current_thread() is threading.main_thread() else ThreadLimits()
        self.runner = project.runner(
            hostname=self.options.name,
            limits=limits,
            publish=self._publish,
            withdraw=self._withdraw,
            reporter=self.flusher.report,
            transactions=self.broker.settling if hasattr(self.broker, "settling") else None,
        )
        self.loop = LoopExecutor(self.runner, self._ended_elsewhere, self._enter)
        threads = 0 if self.inline else self.options.concurrency
        self.threads = (
            ThreadExecutor(self.runner, threads, self._ended_elsewhere, self._enter, project.between_jobs) if threads else None
        )

    # -- the loop ----------------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """Work until told to stop. Returns why it ended: ``drained``, ``recycled`` or ``dead``."""
        self.flusher.start()
        try:
            self._persist(lambda: self.broker.enrol(self.worker, self.id))
            self._say({"ready": self.id})
            while not self._finished():
                self._persist(self._turn)
            self._persist(self._leave)
            return "recycled" if self._worn_out() else "drained"
        except (ChildIsDead, LeaseLost) as error:
            logger.warning("%s", error)
            return "dead"
        finally:
            self.flusher.stop()
            self.loop.stop()
            self.broker.close()

    def _turn(self) -> None:
        """One turn: settle what is done, claim for what is free, run it or sleep."""
        self._settle()
        self._give_back_leftovers()
        room = 0 if self._closing() else self._room()
        jobs = self._claim(room) if room > 0 else []
        if jobs:
            self._dispatch(jobs)
        elif not len(self.completer) and not self.returned:
            self._rest(room)
        self._compare()

    def _finished(self) -> bool:
        return self._closing() and not self.in_flight and not len(self.completer)

    def _closing(self) -> bool:
        return self.stopping or self.slot.draining or self._worn_out()

    def _worn_out(self) -> bool:
        most = self.options.max_tasks_per_child
        return most is not None and self.ran >= most

    def _room(self) -> int:
        """Return how many jobs there is room for: free slots and a small look-ahead."""
        self.asked, self.looks_ahead = time.monotonic(), False
        if self.alone:
            return 0 if self.in_flight else 1
        ahead = self.fetcher.look_ahead()
        if self.options.max_tasks_per_child is not None:
            ahead = min(ahead, self.options.max_tasks_per_child - self.ran)
        if self.inline:
            return min(ahead, self.options.coroutines - len(self.in_flight))
        free = min(self.options.concurrency, ENTRIES - 1) - len(self.in_flight)  # more cannot be shown in shared memory
        if not self._all_fresh():
            return free
        self.looks_ahead = True
        return free + ahead - 1

    def _all_fresh(self) -> bool:
        """Return whether every running body began a moment ago, so that a look-ahead will not wait behind a slow one."""
        with self._lock:
            oldest = min(self.began.values(), default=None)
        return self.options.pool == "threads" and (oldest is None or time.monotonic() - oldest < FRESH)

    # -- broker ------------------------------------------------------------------------------------------------------------

    def _persist(self, action: Any) -> None:
        """Do something that needs the broker; while that is away, wait with back-off and try again, without end."""
        delay = 0.05
        while True:
            try:
                action()
                return
            except BrokerUnavailable as error:
                logger.warning("%s Trying again in %.1f s; nothing is lost.", error, delay)
                self._pause(random.uniform(delay / 2, delay))
                delay = min(delay * 2, LONGEST_BACKOFF)

    def _pause(self, seconds: float) -> None:
        select.select([self.master] if self.master is not None else [], [], [], seconds)
        self._hear()

    def _settle(self) -> None:
        fault_point("before-settle")
        if self.completer.settle(self.broker):
            fault_point("after-settle")

    def _claim(self, room: int) -> list[Job]:
        jobs: list[Job] = self.broker.claim(self.options.queues, room, self.id)
        if jobs:
            fault_point("after-claim")
            jobs = self._isolate(jobs)
        return jobs

    def _isolate(self, jobs: list[Job]) -> list[Job]:
        """A job that was charged twice runs alone: its neighbours go back, or it does until nothing else runs (invariant 8)."""
        suspects = [index for index, job in enumerate(jobs) if job.charges >= self.options.poison_limit - 1]
        self.alone = bool(suspects)
        if not suspects:
            return jobs
        cut = suspects[0] or (0 if self.in_flight else 1)
        self.broker.release([job.token for job in jobs[cut:]])
        return jobs[:cut]

    def _compare(self) -> None:
        """Every 5 s: what the broker says we hold and we do not know of goes back (a claim whose answer was lost)."""
        now = time.monotonic()
        if now - self.compared < COMPARE_EVERY:
            return
        self.compared = now
        with self._lock:
            known = set(self.in_flight)  # first: what ends from here on is in it, what ended before is settled or seen waiting
        with self.completer.quiet() as settled:
            # While an outcome is on its way, the broker still believes in a claim that is over.
            unknown = self.broker.held(self.id) - known if settled else set()
            if unknown:
                self.broker.release(unknown)

    def _leave(self) -> None:
        if self.threads is not None:
            self.returned += self.threads.recall()
            self.threads.stop()
        self._give_back_leftovers()
        self._settle()

    def _give_back_leftovers(self) -> None:
        """Give back what was claimed and not begun: behind a slow job, or because the child leaves."""
        with self._lock:
            jobs, self.returned = [*self.inbox, *self.returned], []
            self.inbox.clear()
            self.in_flight.difference_update(job.token for job in jobs)
        if jobs:
            fault_point("before-give-back")
            self.broker.release([job.token for job in jobs])

    def _return(self, job: Job) -> None:
        """A pool thread or the loop did not begin a job, because it had waited too long. Called by that thread."""
        with self._lock:
            self.returned.append(job)
            self.fetcher.late()
        self._outcome_added()

    # -- running -----------------------------------------------------------------------------------------------------------

    def _dispatch(self, jobs: list[Job]) -> None:
        self.flusher.watch()
        sync: list[Job] = []
        for job in jobs:
            task = self.project.registry.get_task(job.task)
            if task is not None and task.is_async:
                self._submit(self.loop, job, task)
            elif self.threads is not None:
                self._submit(self.threads, job, task)
            else:
                sync.append(job)
        if sync:
            self.inbox.extend(sync)
            self._run_inbox()
        if not self.in_flight:
            self.flusher.rest()

    def _submit(self, executor: LoopExecutor | ThreadExecutor, job: Job, task: Any) -> None:
        once = task is not None and task.acks_late is False
        if once and not self._begin_once(job):
            return
        with self._lock:
            self.in_flight.add(job.token)
        # A begun job is nobody else's to give back. Any other goes back where it could not begin in time: by then the keeper
        # may have given it back already, and to run it would be to run it twice.
        executor.submit(job, math.inf if once else self._latest_begin())

    def _latest_begin(self) -> float:
        """Return until when a job may begin beside this thread: before the keeper can find slow what it waits behind.

        In the main thread nothing that blocks has begun yet. In a pool what blocks may have begun ``FRESH`` before we looked; a
        job for a free thread waits behind nobody.
        """
        if self.inline:
            return time.monotonic() + fetching.SLOW
        return self.asked + fetching.SLOW if self.looks_ahead else math.inf

    def _enter(self, job: Job, by: float) -> bool:
        """Say in shared memory that a pool thread or the loop begins a job. Returns False where it is too late: it goes back.

        First said, then the clock: a keeper that did not see it here, and gave the job away, did so after ``by``.
        """
        with self._lock:
            entry = self.entries[job.token] = self.slot.take()
            now = self.began[job.token] = time.monotonic()
            self.slot.set(entry, job.number, job.delivery, now, 0.0)
        if time.monotonic() <= by:
            return True
        with self._lock:
            self._clear_entry(job.token)
        self._return(job)
        return False

    def _clear_entry(self, token: Token) -> None:
        self.slot.give(self.entries.pop(token))
        del self.began[token]

    def _run_inbox(self) -> None:
        """Run what was claimed, in order, in this thread. After a slow job the rest goes back: others may be free."""
        self.project.between_jobs()
        begun = time.monotonic()
        count = 0
        while self.inbox and not self.slot.draining:
            job = self.inbox.popleft()
            before = time.monotonic()
            if self._may_run(job):
                self._run_inline(job)
                count += 1
            fault_point("after-body")
            if time.monotonic() - before > fetching.SLOW:
                break
        self.ran += count
        self.fetcher.ran(count, time.monotonic() - begun)
        self._give_back_leftovers()

    def _run_inline(self, job: Job) -> None:
        if self.guard is None:
            outcome = self.runner.run(job)
        else:
            self.running_inline = job.token
            outcome = self.runner.run(job, self.guard.call)
            self.running_inline = None
        self.completer.add(outcome)
        if outcome.failure is not None:
            self.project.between_jobs()  # the body may have broken a connection that the next one would use

    def _may_run(self, job: Job) -> bool:
        """A task with ``acks_late=False`` is begun at the broker first: at most once. Returns False where the claim is gone."""
        task = self.project.registry.get_task(job.task)
        if task is None or task.acks_late is not False:
            return True
        return self._begin_once(job)

    def _begin_once(self, job: Job) -> bool:
        """Begin at the broker.

        Tried until it answers: a begin whose answer was lost may have been written, and then none but we runs it.
        """
        held: set[Token] = set()
        self._persist(lambda: held.update(self.broker.begin([job.token], once=True)))
        fault_point("after-begin")
        return bool(held)

    def _publish(self, attempt: Attempt) -> None:
        """Say in shared memory what runs. Called by the thread that runs it."""
        job = attempt.job
        now = time.monotonic()
        deadline = now + attempt.hard_limit if attempt.hard_limit else 0.0
        with self._lock:
            self.slot.set(self.entries.get(job.token, 0), job.number, job.delivery, now, deadline)
        fault_point("before-body")

    def _withdraw(self, attempt: Attempt) -> None:
        token = attempt.job.token
        with self._lock:
            self.slot.end(token.number, token.delivery)
            if token in self.entries:
                self._clear_entry(token)
            else:
                self.slot.clear(0)

    def _ended_elsewhere(self, outcome: Outcome) -> None:
        """An outcome from a pool thread or the event loop."""
        self.completer.add(outcome)
        with self._lock:
            self.ran += 1
            self.fetcher.ran(1, (outcome.finished - outcome.started) / max(self.options.concurrency, 1))
            self.in_flight.discard(outcome.token)
            if outcome.token in self.entries:  # it ended before its body: expired, unreadable
                self._clear_entry(outcome.token)
        self._outcome_added()

    def _outcome_added(self) -> None:
        if self.asleep:
            self.asleep = False
            self.poke()

    def poke(self) -> None:
        """Wake the main thread where it sleeps."""
        try:
            os.write(self.wake_write, b"\x01")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    # -- sleeping ----------------------------------------------------------------------------------------------------------

    def _rest(self, room: int) -> None:
        """Sleep until woken: publish that we are idle, look once more, then wait."""
        if room > 0:
            self.notifier.arm(self.id, self.options.queues)
            jobs = self._claim(room)
            if jobs:
                self.notifier.disarm(self.id)
                self._dispatch(jobs)
                return
        self.asleep = True
        if len(self.completer) or self.returned:  # added between our look and the flag
            self.asleep = False
            return
        self._sleep(room)
        self.asleep = False
        if room > 0:
            self.notifier.disarm(self.id)

    def _sleep(self, room: int) -> None:
        waits: list[Any] = [self.wake_read, *([self.master] if self.master is not None else [])]
        notified = self.notifier.fileno() if room > 0 else -1
        if notified >= 0:
            waits.append(notified)
        if room > 0 and self.notifier.drain():
            return  # somebody woke us while we claimed
        deadline = time.monotonic() + random.uniform(0.8, 1.0) * POLL
        while (left := deadline - time.monotonic()) > 0:
            ready = select.select(waits, [], [], min(left, self.notifier.poll_every))[0]
            if ready or self.slot.draining:
                break
            if room > 0 and self.notifier.poll_every < POLL and self.notifier.changed():
                break
        self._drain_wakes()
        self._hear()

    def _drain_wakes(self) -> None:
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass  # nobody woke us through it
        self.notifier.drain()

    # -- the master --------------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        if self.master is None or not select.select([self.master], [], [], 0)[0]:
            return
        try:
            for message in self.master.receive():
                self._obey(message)
        except ChannelClosed:
            self.stopping = True

    def _obey(self, message: dict[str, Any]) -> None:
        if "stop" in message:
            self.stopping = True
        elif "cancel" in message:
            number, delivery = message["cancel"]
            self.cancel(Token(number, self.id, delivery))

    def cancel(self, token: Token) -> None:
        """End one running body, by an exception in its thread or by cancelling its coroutine."""
        if self.guard is not None and self.running_inline == token:
            self.guard.throw(TaskCancelled)
        elif not (self.threads is not None and self.threads.cancel(token)):
            self.loop.cancel(token)

    def _say(self, message: dict[str, Any]) -> None:
        if self.master is None:
            return
        try:
            self.master.send(message)
        except ChannelClosed:
            self.stopping = True


def ignore_terminal_signals() -> None:
    """Only the master acts on INT and TERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
