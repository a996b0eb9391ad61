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


class CeleryWarning(UserWarning):
    """Base of the warnings."""


class AlwaysEagerIgnored(CeleryWarning):
    """``send_task`` enqueues, whatever ``task_always_eager`` says."""


class DuplicateTaskNameWarning(CeleryWarning):
    """Two functions were declared as tasks of one name; the first is kept."""


class DuplicateNodenameWarning(CeleryWarning):
    """Two workers have one name."""


class NotInThisVersion(CeleriacError, NotImplementedError):
    """A part of Celery that this version does not have yet."""


__all__ = [
    "AlwaysEagerIgnored",
    "BrokerUnavailable",
    "CeleriacError",
    "CeleryError",
    "CeleryWarning",
    "DatabaseLocked",
    "DuplicateNodenameWarning",
    "DuplicateTaskNameWarning",
    "Ignore",
    "ImproperlyConfigured",
    "JobParked",
    "MaxRetriesExceededError",
    "NotInThisVersion",
    "NotRegistered",
    "OperationalError",
    "PayloadTooLarge",
    "QueueNotFound",
    "Reject",
    "ResultNotEncodable",
    "Retry",
    "SchemaMissing",
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
