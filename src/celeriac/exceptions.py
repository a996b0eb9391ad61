"""Every public exception, under the name Celery has for it where it has one (celery.exceptions)."""

from __future__ import annotations

from celeriac.engine.errors import (
    BrokerUnavailable,
    CeleriacError,
    DatabaseLocked,
    Ignore,
    ImproperlyConfigured,
    JobParked,
    MaxRetriesExceededError,
    MessageRefused,
    NotRegistered,
    OperationalError,
    PayloadTooLarge,
    Reject,
    ResultNotEncodable,
    Retry,
    SchemaMissing,
    SoftTimeLimitExceeded,
    TaskCancelled,
    TaskError,
    TaskRevokedError,
    TimeLimitExceeded,
    TimeoutError,  # noqa: A004 - Celery's public name
    UnreadablePayload,
    WorkerLostError,
)

CeleryError = CeleriacError
TaskPredicate = TaskError


class TaskFailed(CeleriacError):
    """A job failed with an exception whose class is not one of Python's or ours.

    A name found in a stored result is never imported, so ``result.get()`` raises a class made for the occasion: it has the
    original's name and is derived from this one. ``except TaskFailed`` catches them all.
    """

    original: str = ""
    """The dotted name of the original class."""
    message: str = ""
    """The original's text."""

    def __str__(self) -> str:
        return self.message or super().__str__()


class QueueNotFound(KeyError):
    """The queue is not one of ``task_queues``."""


class ChordError(CeleriacError):
    """A job in the header of a chord failed. Nothing raises it in this version, which has no chords."""


class IncompleteStream(CeleriacError):
    """A tree of results is not complete yet: one of its jobs has not ended, so what it enqueued is not known."""


class InvalidTaskError(CeleriacError):
    """Celery's name for a message that cannot be read. Nothing raises it: such a job is parked."""


class SecurityError(CeleriacError):
    """Celery's name for a bad signature. Nothing raises it: such a job is parked with ``MessageRefused``."""


class BackendError(CeleriacError):
    """Celery's name for results that cannot be read. Nothing raises it: that is ``BrokerUnavailable`` here."""


class AlreadyRegistered(CeleriacError):
    """Celery's name for a task registered twice. Nothing raises it: ``DuplicateTaskNameWarning`` says so here."""


class CeleryWarning(UserWarning):
    """Base of the warnings."""


class AlwaysEagerIgnored(CeleryWarning):
    """``send_task`` enqueues, whatever ``task_always_eager`` says."""


class CPendingDeprecationWarning(PendingDeprecationWarning):
    """Celery's name. Nothing sends it."""


class CDeprecationWarning(DeprecationWarning):
    """Celery's name. Nothing sends it."""


class DuplicateTaskNameWarning(CeleryWarning):
    """Two functions were declared as tasks of one name; the first is kept."""


class DuplicateNodenameWarning(CeleryWarning):
    """Two workers have one name."""


class ResultsDisabled(CeleriacError, NotImplementedError):
    """A value was asked for, and the project keeps none: its result backend is ``disabled``."""


class NotInThisVersion(CeleriacError, NotImplementedError):
    """A part of Celery that this version does not have yet."""


__all__ = [
    "AlreadyRegistered",
    "AlwaysEagerIgnored",
    "BackendError",
    "BrokerUnavailable",
    "CDeprecationWarning",
    "CPendingDeprecationWarning",
    "CeleriacError",
    "CeleryError",
    "CeleryWarning",
    "ChordError",
    "DatabaseLocked",
    "DuplicateNodenameWarning",
    "DuplicateTaskNameWarning",
    "Ignore",
    "ImproperlyConfigured",
    "IncompleteStream",
    "InvalidTaskError",
    "JobParked",
    "MaxRetriesExceededError",
    "MessageRefused",
    "NotInThisVersion",
    "NotRegistered",
    "OperationalError",
    "PayloadTooLarge",
    "QueueNotFound",
    "Reject",
    "ResultNotEncodable",
    "ResultsDisabled",
    "Retry",
    "SchemaMissing",
    "SecurityError",
    "SoftTimeLimitExceeded",
    "TaskCancelled",
    "TaskError",
    "TaskFailed",
    "TaskPredicate",
    "TaskRevokedError",
    "TimeLimitExceeded",
    "TimeoutError",
    "UnreadablePayload",
    "WorkerLostError",
]
