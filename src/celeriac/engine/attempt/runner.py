"""One attempt of a job: a pipeline of named steps over one object.

``start`` -> ``resolve`` -> ``decode`` -> ``open`` -> ``call`` -> ``classify`` -> ``close``. The same steps serve a worker's
main thread, its pool threads, its event loop, and ``task.apply()`` in the caller's process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

from celeriac.engine import errors
from celeriac.engine.attempt.attempt import Around, Attempt
from celeriac.engine.attempt.classifier import Classifier
from celeriac.engine.attempt.failure import describe
from celeriac.engine.attempt.hooks import call_hooks
from celeriac.engine.attempt.parts import FollowUps, Limits, Observer, Transactions
from celeriac.engine.clock import Clock
from celeriac.engine.codec import encode_failure
from celeriac.engine.encryption import ARGUMENTS, RESULT, Cipher, arguments_of, is_encrypted
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from celeriac.engine.registry import Registry, RunnableTask
from celeriac.engine.request import Request, current_request
from celeriac.engine.signing import Signer

_UNCOUNTED = frozenset({State.WAITING, State.PARKED, State.EXPIRED})
"""What becomes of a job whose body did not run, or is to run as if it had not."""


class _RolledBack(Exception):
    """Leaves a transaction that must not commit."""


@dataclass(eq=False, repr=False)
class AttemptRunner:
    """Runs attempts. One serves all threads of a process: what belongs to one attempt lives in its ``Attempt``.

    ``publish`` and ``withdraw`` are called around the body, so that other processes can see what runs. ``prepare`` may change
    the arguments of a job that carries options of its own (a callback of ``link_error`` gets objects rather than JSON). With a
    ``signer`` only what is signed is run; a ``cipher`` reads what is encrypted.
    """

    registry: Registry
    clock: Clock
    _: KW_ONLY
    hostname: str = ""
    observers: Sequence[Observer] = ()
    limits: Limits | None = None
    follow_ups: FollowUps | None = None
    transactions: Transactions | None = None
    publish: Callable[[Attempt], None] | None = None
    withdraw: Callable[[Attempt], None] | None = None
    prepare: Callable[[Attempt], None] | None = None
    reporter: Callable[..., None] | None = None
    signer: Signer | None = None
    cipher: Cipher | None = None
    is_eager: bool = False
    classify: Callable[[Attempt], None] = field(init=False)

    def __post_init__(self) -> None:
        self.classify = Classifier(self.clock).classify

    # -- the pipeline: ``run`` and ``run_async`` differ in one line, how the body is called ----------------------------------

    def run(self, job: Job, around: Around | None = None) -> Outcome:
        """Run one attempt of ``job`` to its outcome. Never raises for what the task does."""
        return self.outcome(self.attempt(job, around))

    def attempt(self, job: Job, around: Around | None = None) -> Attempt:
        """Run one attempt and return it, with the value or the exception itself: for ``task.apply()``."""
        attempt = self.start(job)
        attempt.around = around
        if attempt.state is not None:
            self._tell(attempt)
        elif attempt.task.transactional and self.transactions is not None:
            self._run_in_transaction(attempt, self.transactions)
        else:
            try:
                self.open(attempt)
                self.call(attempt)
            except BaseException as error:  # noqa: BLE001 - whatever a body raises is its outcome, SystemExit included
                attempt.error = error
            self.finish(attempt)
        return attempt

    async def run_async(self, job: Job) -> Outcome:
        """Run one attempt of a job whose task is ``async def``, on the running event loop."""
        return self.outcome(await self.attempt_async(job))

    async def attempt_async(self, job: Job) -> Attempt:
        """The same, returning the attempt."""
        attempt = self.start(job)
        if attempt.state is not None:
            self._tell(attempt)
        else:
            try:
                self.open(attempt)
                await self.call_async(attempt)
            except BaseException as error:  # noqa: BLE001 - as above; a cancelled body is an outcome too
                attempt.error = error
            self.finish(attempt)
        return attempt

    # -- before the body -----------------------------------------------------------------------------------------------------

    def start(self, job: Job) -> Attempt:
        """Begin: what can be said before the task's code is touched. Sets ``state`` where the attempt ends here."""
        attempt = Attempt(job, self.clock.wall())
        if self.signer is not None:
            self.verify(attempt, self.signer)
            if attempt.state is not None:
                return attempt
        if job.expires is not None and job.expires <= attempt.started:
            attempt.state = State.EXPIRED
            return attempt
        self.resolve(attempt)
        if attempt.state is None:
            self.decode(attempt)
        return attempt

    def verify(self, attempt: Attempt, signer: Signer) -> None:
        """Trust nothing of a job before its signature. One that is not as it was signed is parked."""
        try:
            signer.verify(attempt.job, attempt.started)
        except errors.MessageRefused as error:
            attempt.task = self.registry.get_task(attempt.job.task)
            self._park(attempt, error)

    def resolve(self, attempt: Attempt) -> None:
        """Look the task up in the registry, and nowhere else. An unknown one parks the job."""
        task = self.registry.get_task(attempt.job.task)
        if task is None:
            self._park(attempt, errors.NotRegistered(attempt.job.task, self.registry))
        attempt.task = task

    def decode(self, attempt: Attempt) -> None:
        """Read the arguments. What cannot be read parks the job."""
        try:
            attempt.args, attempt.kwargs, embed = arguments_of(attempt.job, self.cipher)
        except errors.UnreadablePayload as error:
            self._park(attempt, error)
            return
        attempt.embed = embed
        task: RunnableTask = attempt.task
        attempt.soft_limit = embed.get("soft_time_limit", task.soft_time_limit) if embed else task.soft_time_limit
        attempt.hard_limit = embed.get("time_limit", task.time_limit) if embed else task.time_limit
        if embed and self.prepare is not None:
            self.prepare(attempt)

    def _park(self, attempt: Attempt, error: Exception) -> None:
        attempt.state = State.PARKED
        attempt.error = error
        attempt.failure = describe(error, with_traceback=False)

    def open(self, attempt: Attempt) -> None:
        """Make the attempt visible: to the task as ``self.request``, to observers, to the processes that watch this one."""
        request = Request(attempt.job, "", attempt.args, attempt.kwargs, attempt.embed, self.hostname, self.is_eager)
        attempt.request = request
        request.reporter = self.reporter
        if self.is_eager:
            request.outer = current_request.get()
        attempt.context = current_request.set(request)
        for observer in self.observers:
            observer.started(attempt)
        if self.publish is not None:
            self.publish(attempt)

    # -- the body ------------------------------------------------------------------------------------------------------------

    def call(self, attempt: Attempt) -> None:
        """Call the body, under its soft limit where it has one."""
        self._call_before_start(attempt)
        body = attempt.task.body()
        if attempt.soft_limit is not None and self.limits is not None:
            body = partial(self._call_limited, attempt.soft_limit, body)
        if attempt.around is None:
            attempt.value = body(*attempt.args, **attempt.kwargs)
        else:
            attempt.value = attempt.around(body, attempt.args, attempt.kwargs)

    def _call_before_start(self, attempt: Attempt) -> None:
        if "before_start" in attempt.task.overrides:
            attempt.task.before_start(attempt.job.id, attempt.args, attempt.kwargs)

    def _call_limited(self, seconds: float, body: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        assert self.limits is not None
        return self.limits.call(seconds, body, args, kwargs)

    async def call_async(self, attempt: Attempt) -> None:
        """Await the body, under its soft limit where it has one."""
        self._call_before_start(attempt)
        coroutine = attempt.task.body()(*attempt.args, **attempt.kwargs)
        if attempt.soft_limit is not None and self.limits is not None:
            coroutine = self.limits.wrap(attempt.soft_limit, coroutine)
        attempt.value = await coroutine

    def _run_in_transaction(self, attempt: Attempt, transactions: Transactions) -> None:
        """Run body and settle in one transaction: either both are kept, or neither (invariant 3).

        The attempt is visible before the transaction begins, which may wait for a lock or a lost server: so nobody waits behind
        it, and its time limit holds.
        """
        try:
            self.open(attempt)
            with transactions() as settle:
                self._call_and_settle(attempt, settle)
            attempt.settled = True
        except _RolledBack:
            pass
        except BaseException as error:  # noqa: BLE001 - a failing body or COMMIT is the attempt's outcome
            attempt.error, attempt.state = error, None
        if attempt.state is None:
            self.finish(attempt)
            return
        call_hooks(attempt)
        self.close(attempt)

    def _call_and_settle(self, attempt: Attempt, settle: Callable[[Outcome], bool]) -> None:
        self.call(attempt)
        self.classify(attempt)
        if attempt.state is not State.SUCCEEDED:
            raise _RolledBack
        if not settle(self.outcome(attempt)):
            raise errors.LeaseLost(f"The claim of {attempt.job.task}[{attempt.job.id}] was lost; its work is rolled back.")

    # -- after the body ------------------------------------------------------------------------------------------------------

    def finish(self, attempt: Attempt) -> None:
        """Classify, tell the task's hooks and the observers, close.

        Where classifying itself fails, over what is wrong with the task or with this engine, the job fails and not the child.
        """
        try:
            self.classify(attempt)
        except Exception as error:  # noqa: BLE001 - it is the job's outcome, and shown as that
            self._fail_over(attempt, error)
        call_hooks(attempt)
        self.close(attempt)

    def _fail_over(self, attempt: Attempt, error: Exception) -> None:
        attempt.error, attempt.state = error, State.FAILED
        attempt.failure = describe(error)
        attempt.result = encode_failure(attempt.failure)
        for observer in self.observers:
            observer.broke(attempt)

    def close(self, attempt: Attempt) -> None:
        """Undo ``open``, in reverse, whatever of it was done."""
        self._tell(attempt)
        if self.withdraw is not None:
            self.withdraw(attempt)
        if attempt.context is not None:
            current_request.reset(attempt.context)

    def _tell(self, attempt: Attempt) -> None:
        for observer in self.observers:
            observer.ended(attempt)

    def outcome(self, attempt: Attempt) -> Outcome:
        """Return what the broker is told."""
        assert attempt.state is not None
        job, request = attempt.job, attempt.request
        outcome = Outcome(
            token=job.token, state=attempt.state, started=attempt.started, finished=self.clock.wall(),
            result=self._kept_result(attempt), failure=attempt.failure, run_at=attempt.run_at, worker=self.hostname,
            log=request.log.text() if request is not None and request.log is not None else None,
            progress=request.progress if request is not None else None,
            counts=attempt.state not in _UNCOUNTED, retried=job.attempts > 0,
            payload=self._changed_payload(attempt), queue=attempt.queue, settled=attempt.settled,
        )  # fmt: skip
        if self.follow_ups is not None and attempt.embed:
            outcome.follow_ups = self.follow_ups(attempt)
        return outcome

    def _changed_payload(self, attempt: Attempt) -> bytes | None:
        """Return the arguments of the next attempt where they change, or where another queue needs another signature."""
        payload, queue, job = attempt.payload, attempt.queue, attempt.job
        if payload is None and queue is None:
            return None
        if payload is not None and self.cipher is not None and is_encrypted(job.payload):
            payload = self.cipher.encrypt(payload, job.id, ARGUMENTS)
        return payload if self.signer is None else self.signer.sign(job, payload or job.payload, queue or job.queue)

    def _kept_result(self, attempt: Attempt) -> bytes | None:
        """Return what is kept of an attempt: of a job whose arguments are encrypted, an encrypted result."""
        result, job = attempt.result, attempt.job
        if self.cipher is None or result is None or attempt.state is not State.SUCCEEDED or not is_encrypted(job.payload):
            return result
        return self.cipher.encrypt(result, job.id, RESULT)
