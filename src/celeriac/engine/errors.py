"""Every error of the engine, in one place. A message says what happened, the value, the cause and the fix.

The public names are re-exported by ``celeriac.exceptions``; those that Celery has keep Celery's names and arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from celeriac.engine.translation import gettext as _


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of ``known``, or an empty string where nothing is near."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return _(" Did you mean {name!r}?").format(name=near[0]) if near else ""


class CeleriacError(Exception):
    """Base of all errors that Celeriac raises."""


class ImproperlyConfigured(CeleriacError):
    """A setting or an option cannot be used; the message names it, its value and the nearest valid one."""


class NotRegistered(CeleriacError, KeyError):
    """No task has this name. Raised when a name is looked up; a job that names it is parked, never dropped."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        super().__init__(name)
        self.name = name
        self.hint = did_you_mean(name, known)

    def __str__(self) -> str:
        return _(
            "No task is registered as {name!r}.{hint} Tasks are found in the tasks.py of each app in INSTALLED_APPS; a"
            " module elsewhere is named in CELERY_IMPORTS."
        ).format(name=self.name, hint=self.hint)


class BrokerUnavailable(CeleriacError):
    """The broker did not answer in time. Nothing was lost: what was not accepted was not enqueued."""


OperationalError = BrokerUnavailable
"""Celery's (kombu's) name for the same."""


class DatabaseLocked(BrokerUnavailable):
    """SQLite refused a write because the transaction began as a read (its default, DEFERRED)."""

    def __init__(self, alias: str, seconds: float) -> None:
        super().__init__(
            _(
                "SQLite answered 'database is locked' on the database {alias!r} after {seconds:.1f} s. A transaction"
                " that starts by reading cannot become a writing one while another process writes. Add to the OPTIONS"
                ' of DATABASES[{alias!r}]: "transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA'
                ' journal_mode=WAL; PRAGMA synchronous=NORMAL;"'
            ).format(alias=alias, seconds=seconds)
        )


class SchemaMissing(CeleriacError):
    """Celeriac's tables are not in the database yet."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            _("Celeriac's tables are missing in the database {alias!r}. Create them: python manage.py migrate").format(
                alias=alias
            )
            + ("" if alias == "default" else f" --database {alias}")
        )


class MessageRefused(CeleriacError):
    """A job is not what somebody with a signing key has enqueued. It is parked: kept, and not run."""

    def __init__(self, job: Any, why: str) -> None:
        super().__init__(
            _("The message of {task}[{id}] on the queue {queue!r} is refused: {why}").format(
                task=job.task, id=job.id, queue=job.queue, why=why
            )
        )


class ChildIsDead(CeleriacError):
    """The broker has declared this child dead and gave its jobs to others. It must stop; its master starts a new one."""


class LeaseLost(CeleriacError):
    """The claim of this job is no longer ours: another attempt owns it, so nothing of this one may be kept."""


class PayloadTooLarge(CeleriacError, ValueError):
    """The encoded arguments are over the limit."""

    def __init__(self, task: str, size: int, limit: int) -> None:
        super().__init__(
            _(
                "The arguments of {task} take {size:,} bytes as JSON; the limit is {limit:,}"
                " (CELERIAC['MAX_PAYLOAD_BYTES']). Store the data in a model or a file and pass its id."
            ).format(task=task, size=size, limit=limit)
        )


class UnreadablePayload(CeleriacError, ValueError):
    """The payload of a job is not what Celeriac writes; the job is parked."""


class JobParked(CeleriacError):
    """The job cannot run as it is, so there is no result.

    Its task is unknown, its message unreadable, or it killed its processes.
    """

    def __init__(self, id: str, task: str, reason: str) -> None:
        super().__init__(
            _("The job {task}[{id}] is parked: {reason} Once the cause is mended: app.control.unpark({id!r}).").format(
                task=task, id=id, reason=reason
            )
        )


class ResultNotEncodable(CeleriacError, TypeError):
    """A task returned something that is not JSON; the job fails with this reason."""


class WorkerLostError(CeleriacError):
    """The process that ran the job died, or was killed, before the job ended."""


class TimeLimitExceeded(CeleriacError):
    """The job ran past its hard time limit, of so many ``seconds``, and its process was killed.

    Built anew from a store it has the stored sentence instead.
    """

    def __init__(self, seconds: float | str | None = None) -> None:
        super().__init__(seconds)
        self.seconds = None if isinstance(seconds, str) else seconds

    def __str__(self) -> str:
        if isinstance(self.args[0], str):
            return self.args[0]
        seconds = self.seconds if self.seconds is None else f"{self.seconds:g}"
        return _("The job ran past its time limit of {seconds} s and was killed.").format(seconds=seconds)


class SoftTimeLimitExceeded(Exception):
    """Raised inside the task when its soft time limit has passed; it may clean up and return."""

    def __str__(self) -> str:
        return "SoftTimeLimitExceeded" + (repr(self.args) if self.args else "")


class TaskCancelled(BaseException):
    """Raised inside a running task that ``revoke(terminate=True)`` ends in a thread or on the event loop.

    Not an ``Exception``, so that a task's own ``except Exception`` does not swallow it.
    """


class TaskOverdue(TaskCancelled):
    """Raised inside a running task that is past its hard time limit, in a thread. Its job fails of ``TimeLimitExceeded``."""


class TaskError(CeleriacError):
    """Base of what a task raises to steer its own job."""


class Ignore(TaskError):
    """Raised by a task: end the job without recording a result or a failure."""


class Reject(TaskError):
    """Raised by a task: hand the job back (``requeue=True``) or fail it for good."""

    def __init__(self, reason: object = None, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue


class Retry(TaskError):
    """Raised by ``self.retry()``: run the job again at ``when`` (a time, or seconds from now).

    ``payload`` and ``queue`` are set where the retry changes the arguments or the queue.
    """

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: datetime | float | None = None,
        is_eager: bool = False,
        sig: Any = None,
        payload: bytes | None = None,
        queue: str | None = None,
    ) -> None:
        super().__init__(message, exc, when)
        self.message = message
        self.exc = exc
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        self.payload = payload
        self.queue = queue

    def __str__(self) -> str:
        if self.message:
            return self.message
        return f"Retry {_humanize(self.when)}" + (f": {self.exc!r}" if self.exc else "")


class MaxRetriesExceededError(TaskError):
    """The task asked for one retry more than its ``max_retries``."""

    def __init__(self, *args: object, task_args: Any = (), task_kwargs: Any = None) -> None:
        super().__init__(*args)
        self.task_args = task_args
        self.task_kwargs = task_kwargs or {}


class TaskRevokedError(TaskError):
    """The job was revoked, so there is no result."""


class TimeoutError(CeleriacError):  # noqa: A001 - Celery's public name
    """``result.get(timeout)`` waited that long and the job was not finished."""


def _humanize(when: datetime | float | None) -> str:
    if when is None:
        return "now"
    return f"in {when:g}s" if isinstance(when, int | float) else f"at {when}"
