"""What the store remembers of a job, under Celery's names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from celeriac import states
from celeriac.current import current_app
from celeriac.engine.codec import decode_failure, untagged
from celeriac.engine.encryption import arguments_of, result_of
from celeriac.engine.errors import CeleriacError, TaskRevokedError, UnreadablePayload
from celeriac.engine.job import TERMINAL, Job, State, celery_name
from celeriac.engine.outcome import Attempt, Failure
from celeriac.rebuild import exception_from


class Recorded:
    """A job known by its id. Each property reads the store, until the job has ended: then the record is kept here."""

    id: str
    _app: Any
    _name: str | None
    _parent: Any
    _record: Job | None = None

    @property
    def app(self) -> Any:
        """The app that the job belongs to."""
        return self._app or current_app()

    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self.id

    def record(self) -> Job | None:
        """Return all that the store knows of the job, or None for an unknown id."""
        if self._record is None:
            job: Job | None = self.app.broker().get(self.id)
            if job is None or job.state not in TERMINAL:
                return job
            self._record = job
        return self._record

    def attempts(self) -> list[Attempt]:
        """Return what is kept of the attempts, the oldest first: times, errors, tracebacks and logs."""
        attempts: list[Attempt] = self.app.broker().attempts(self.id)
        return attempts

    def exists(self) -> bool:
        """Return whether the store knows the id. ``PENDING`` alone does not tell."""
        return self.record() is not None

    @property
    def state(self) -> str:
        """Celery's name for where the job is. PENDING for an unknown id."""
        job = self.record()
        return states.PENDING if job is None else self._state_of(job)

    status = state

    def _state_of(self, job: Job) -> str:
        own = (job.progress or {}).get("state")
        if own and (job.state is State.RUNNING or self._was_ignored(job)):
            return str(own)
        return celery_name(job.state, job.attempts)

    def _was_ignored(self, job: Job) -> bool:
        """Return whether the task set a state of its own and then raised ``Ignore``, so that this state is its last."""
        if job.state is not State.SUCCEEDED or job.result is not None:
            return False
        attempts = self.attempts()
        return bool(attempts and attempts[-1].failure is not None and attempts[-1].failure.type == "Ignore")

    @property
    def result(self) -> Any:
        """The return value; the exception of a job that failed, was revoked or is to be retried; what ``update_state`` said."""
        job = self.record()
        return None if job is None else self._result_of(job)

    info = result

    def _result_of(self, job: Job) -> Any:
        state = self._state_of(job)
        if job.state is State.SUCCEEDED and state == states.SUCCESS:
            return result_of(job, self.app.cipher)
        if job.state is State.FAILED:
            return exception_from(decode_failure(job.result)) if job.result is not None else CeleriacError("The job failed.")
        if job.state in (State.CANCELLED, State.EXPIRED):
            return TaskRevokedError("expired" if job.state is State.EXPIRED else self._why("revoked"))
        if state == states.RETRY:
            return self._last_error()
        if state == states.STARTED:
            return {"hostname": job.worker}  # Celery's pid is missing: which process of a worker runs a job is not kept
        return _told(state, untagged((job.progress or {}).get("meta")))

    def _why(self, otherwise: str) -> str:
        failure = next((attempt.failure for attempt in reversed(self.attempts()) if attempt.failure is not None), None)
        return failure.message if failure is not None and failure.message else otherwise

    def _last_error(self) -> Exception | None:
        failures = [attempt.failure for attempt in self.attempts() if attempt.failure is not None]
        return exception_from(failures[-1]) if failures else None

    @property
    def progress(self) -> dict[str, Any] | None:
        """``{"done": .., "total": .., "message": ..}`` as the task last said it, or None."""
        said = (job.progress if (job := self.record()) is not None else None) or {}
        return {key: said.get(key) for key in ("done", "total", "message")} if "done" in said else None

    @property
    def traceback(self) -> str | None:
        """The traceback of the last attempt that failed."""
        failures = [attempt.failure for attempt in self.attempts() if attempt.failure is not None]
        return failures[-1].traceback or None if failures else None

    @property
    def date_done(self) -> datetime | None:
        """When the job ended."""
        job = self.record()
        return datetime.fromtimestamp(job.finished, UTC) if job is not None and job.finished is not None else None

    @property
    def name(self) -> str | None:
        """The name of the task."""
        job = self.record()
        return job.task if job is not None else self._name

    task_name = name

    def _arguments(self) -> tuple[list[Any], dict[str, Any]] | tuple[None, None]:
        job = self.record()
        if job is None:
            return None, None
        try:
            return arguments_of(job, self.app.cipher)[:2]
        except UnreadablePayload:
            return None, None

    @property
    def args(self) -> list[Any] | None:
        """The positional arguments."""
        return self._arguments()[0]

    @property
    def kwargs(self) -> dict[str, Any] | None:
        """The keyword arguments."""
        return self._arguments()[1]

    @property
    def worker(self) -> str | None:
        """The name of the worker that ran the job last."""
        return job.worker if (job := self.record()) is not None else None

    @property
    def retries(self) -> int | None:
        """How often the job was retried."""
        job = self.record()
        return None if job is None else max(0, job.attempts - (job.state in TERMINAL))

    @property
    def queue(self) -> str | None:
        """The queue the job went through."""
        return job.queue if (job := self.record()) is not None else None


def _told(state: str, meta: Any) -> Any:
    """Return what a task said of itself: for a state that stands for an error, in Celery's form of one, the error."""
    if state not in states.PROPAGATE_STATES or not isinstance(meta, dict) or "exc_type" not in meta:
        return meta
    message = meta.get("exc_message", "")
    arguments = list(message) if isinstance(message, list | tuple) else [message]
    text = str(arguments[0]) if len(arguments) == 1 else str(arguments)
    kind = Failure(str(meta["exc_type"]), str(meta.get("exc_module") or "builtins"), text, arguments=arguments)
    return exception_from(kind)
