"""A child process: claims jobs, runs them, settles them.

Threads and what each owns: the *main thread* claims, settles and, in prefork, runs sync bodies; it alone uses ``broker``. The
*flusher* has a connection of its own. Pool threads and the event loop only run bodies and hand outcomes to the completer. The
child ignores INT and TERM: only its master acts on them, because Ctrl-C and supervisors signal the whole group.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.clock import SystemClock
from celeriac.engine.errors import BrokerUnavailable, ChildIsDead, LeaseLost, TaskCancelled, TaskOverdue
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.ready import ready
from celeriac.engine.ipc.slots import SlotWriter
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.completer import Completer
from celeriac.engine.worker.executors.inline import InlineExecutor
from celeriac.engine.worker.executors.loop import LoopExecutor
from celeriac.engine.worker.executors.threads import ThreadExecutor
from celeriac.engine.worker.fetcher import Fetcher
from celeriac.engine.worker.flusher import Flusher
from celeriac.engine.worker.gathering import Gathering
from celeriac.engine.worker.holdings import Holdings
from celeriac.engine.worker.limits import HAS_ALARM, MainThreadLimits, ThreadGuard, ThreadLimits
from celeriac.engine.worker.pacer import Pacer
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.publication import Publication
from celeriac.engine.worker.room import INLINE_POOLS, Room
from celeriac.engine.worker.sleeper import Sleeper

logger = logging.getLogger("celeriac.worker")

LONGEST_BACKOFF = 2.0


class Child:
    """One incarnation of a child, from its enrolment to its end."""

    def __init__(self, project: Project, worker: str, id: str, slot: SlotWriter, master: Channel | None) -> None:
        self.project, self.options = project, project.options
        self.worker, self.id = worker, id
        self.slot, self.master = slot, master
        self.stopping = False
        self.broker: Any = project.connect()
        self._exchanges = hasattr(self.broker, "exchange")
        self.sleeper = Sleeper(self.broker.notifier(), id, self.options.queues, slot, master)
        self.completer = Completer(self.sleeper.nudge)
        self.flusher = Flusher(project.connect(), self.completer)
        fetcher = Fetcher()
        self.holdings = Holdings(self.broker, id, self.completer, fetcher)
        self.gathering = Gathering(SystemClock())
        self.pacer = Pacer(project.registry, self.broker)
        self.publication = Publication(slot, self._late)
        self.room = Room(self.options, fetcher, self.holdings, self.publication)
        self._make_executors()

    def _make_executors(self) -> None:
        inline = self.options.pool in INLINE_POOLS
        runner = self._make_runner(inline)
        # Without a master nobody can kill this process over one job, so a cancelled body gets an exception instead.
        guard = ThreadGuard() if inline and self.master is None else None
        between, enter = self.project.between_jobs, self.publication.enter
        self.inline = InlineExecutor(runner, self.completer.add, self._may_run, between, self.slot, guard)
        self.loop = LoopExecutor(runner, self._ended, self.publication.enter_loop)
        threads = 0 if inline else self.options.threads
        self.threads = ThreadExecutor(runner, threads, self._ended, enter, between) if threads else None

    def _make_runner(self, inline: bool) -> AttemptRunner:
        by_signal = HAS_ALARM and inline and threading.current_thread() is threading.main_thread()
        return self.project.runner(
            hostname=self.options.name,
            limits=MainThreadLimits() if by_signal else ThreadLimits(),
            publish=self.publication.publish,
            withdraw=self.publication.withdraw,
            reporter=self.flusher.report,
            transactions=self.broker.settling if hasattr(self.broker, "settling") else None,
        )

    # -- the loop ------------------------------------------------------------------------------------------------------------

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
            self.sleeper.close()

    def _turn(self) -> None:
        """One turn: settle what is done, claim for what is free, run it or sleep."""
        if (left := self.gathering.left()) > 0:
            self.sleeper.pause(left)
        if self.holdings.returned or not self._exchanges:
            self._settle()
        self.holdings.give_back()
        self.pacer.refresh()
        room = 0 if self._closing() else self.room.measure()
        if room <= 0:
            self._settle()
        self.gathering.begin()
        jobs = self._claim(room) if room > 0 else ()
        self.gathering.claimed(jobs, room)
        if jobs:
            self._dispatch(jobs)
        elif not self._is_busy():
            self._rest(room)
        self.holdings.compare()

    def _rest(self, room: int) -> None:
        """Sleep until woken: publish that we are idle, look once more, then wait."""
        if room > 0:
            self.sleeper.arm()
            jobs = self._claim(room)
            if jobs:
                self.sleeper.disarm()
                self._dispatch(jobs)
                return
        if self.sleeper.sleep(self._is_busy, listen=room > 0):
            self._hear()
            if room > 0:
                self.sleeper.disarm()

    def _leave(self) -> None:
        jobs: list[Job] = []
        if self.threads is not None:
            jobs = self.threads.recall()
            self.threads.stop()
        self.holdings.give_back(jobs)
        self._settle()

    def _is_busy(self) -> bool:
        """Return whether there is something to settle or to give back."""
        return len(self.completer) > 0 or bool(self.holdings.returned)

    def _finished(self) -> bool:
        return self._closing() and not self.holdings.in_flight and not len(self.completer)

    def _closing(self) -> bool:
        return self.stopping or self.slot.draining or self._worn_out()

    def _worn_out(self) -> bool:
        most = self.options.max_tasks_per_child
        return most is not None and self.holdings.ran >= most

    # -- the broker ----------------------------------------------------------------------------------------------------------

    def _persist(self, action: Any) -> None:
        """Do something that needs the broker; while that is away, wait with back-off and try again, without end."""
        delay = 0.05
        while True:
            try:
                action()
                return
            except BrokerUnavailable as error:
                logger.warning("%s Trying again in %.1f s; nothing is lost.", error, delay)
                self.sleeper.pause(random.uniform(delay / 2, delay))
                self._hear()
                delay = min(delay * 2, LONGEST_BACKOFF)

    def _settle(self) -> None:
        fault_point("before-settle")
        if self.completer.settle(self.broker):
            fault_point("after-settle")

    def _claim(self, room: int) -> Sequence[Job]:
        """Claim what may begin. Where rate limits put off all that was claimed, there may be more behind it: claim again."""
        claimed = self._take(room)
        while claimed:
            fault_point("after-claim")
            jobs, others = self.room.isolate(claimed)
            if others:
                self.broker.release([job.token for job in others])
            admitted = self.pacer.admit(jobs)
            if admitted or not jobs or self._closing():
                return admitted
            claimed = self._take(room)
        return ()

    def _take(self, room: int) -> Sequence[Job]:
        """Claim; what is done is settled by the same operation, where the broker has one for both."""
        if not (self._exchanges and len(self.completer)):
            claimed: Sequence[Job] = self.broker.claim(self.options.queues, room, self.id)
            return claimed
        fault_point("before-settle")
        claimed = self.completer.exchange(self.broker, self.options.queues, room, self.id)
        fault_point("after-settle")
        return claimed

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

    # -- running -------------------------------------------------------------------------------------------------------------

    def _dispatch(self, jobs: Sequence[Job]) -> None:
        """Bring each job to where it runs: ``async def`` to the loop, others to pool threads or, at last, to this thread."""
        self.flusher.watch()
        self.room.dispatching()
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
            self._run_inline(sync)
        if not self.holdings.in_flight:
            self.flusher.rest()

    def _submit(self, executor: LoopExecutor | ThreadExecutor, job: Job, task: Any) -> None:
        once = task is not None and task.acks_late is False
        if once and not self._begin_once(job):
            return
        to_loop = executor is self.loop
        self.holdings.submitted(job, to_loop)
        # A begun job is nobody else's to give back. Any other goes back where it could not begin in time: by then the keeper
        # may have given it back already, and to run it would be to run it twice.
        executor.submit(job, math.inf if once else self.room.latest_begin(to_loop))

    def _run_inline(self, jobs: list[Job]) -> None:
        self.project.between_jobs()
        begun = time.monotonic()
        ran, left = self.inline.run(jobs)
        self.holdings.ran_inline(ran, time.monotonic() - begun)
        self.holdings.give_back(left)

    def _ended(self, outcome: Outcome) -> None:
        """An outcome from a pool thread or the event loop. Called by that thread."""
        self.completer.add(outcome)
        self.holdings.ended(outcome, (outcome.finished - outcome.started) / max(self.options.concurrency, 1))
        self.publication.leave(outcome.token)
        self.sleeper.nudge()

    def _late(self, job: Job) -> None:
        """A pool thread or the loop did not begin a job, because it had waited too long. Called by that thread."""
        self.holdings.late(job)
        self.sleeper.nudge()

    def cancel(self, token: Token, overdue: bool = False) -> None:
        """End a running body, revoked or past its hard limit: by an exception in its thread or by cancelling its coroutine."""
        kind = TaskOverdue if overdue else TaskCancelled
        if not (self.inline.cancel(token) or (self.threads is not None and self.threads.cancel(token, kind))):
            self.loop.cancel(token, overdue)

    # -- the master ----------------------------------------------------------------------------------------------------------

    def poke(self) -> None:
        """Wake the main thread where it sleeps. May be called from any thread and from a signal handler."""
        self.sleeper.wake()

    def _hear(self) -> None:
        if self.master is None or not ready([self.master], 0):
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
            self.cancel(Token(number, self.id, delivery), message["overdue"])

    def _say(self, message: dict[str, Any]) -> None:
        if self.master is None:
            return
        try:
            self.master.send(message)
        except ChannelClosed:
            self.stopping = True


def ignore_terminal_signals() -> None:
    """Only the master acts on INT and TERM.

    TERM gets a handler that does nothing: a program that a task starts would inherit ``SIG_IGN``, and ``Popen.terminate()``
    could not end it. INT is ignored there too, as under Celery, so that Ctrl-C lets a job and its programs finish.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
