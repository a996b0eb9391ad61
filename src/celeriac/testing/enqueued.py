"""What a test has enqueued: ``enqueued()`` lists it, ``assert_enqueued()`` looks for a job and shows what there is instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celeriac.current import current_app
from celeriac.engine.codec import decode_payload, encode_payload
from celeriac.engine.job import Job
from celeriac.testing.outcomes import arguments_of
from celeriac.testing.recorder import Held, Recorder, open_transaction

MOST = 100_000


@dataclass(frozen=True)
class Enqueued:
    """One job as it was enqueued. Arguments are what the task gets: through JSON, so that tuples are lists.

    ``eta`` is when it is due, in UTC; None for at once.
    """

    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    queue: str
    priority: int
    eta: datetime | None
    headers: dict[str, Any]
    id: str

    def __str__(self) -> str:
        when = f", not before {self.eta:%Y-%m-%d %H:%M:%S} UTC" if self.eta else ""
        return f"{call(self.task, self.args, self.kwargs)} to the queue {self.queue}{when}"


def enqueued(task: Any = None, *, app: Any = None) -> list[Enqueued]:
    """Return the jobs that were enqueued, the oldest first: all, or those of a task or of a task's name.

    With ``override(mode="record")``, those since it began. Without, those in the project's own queue: in a ``TestCase`` that is
    the test database, which is empty at the beginning of each test.
    """
    app = app or current_app()
    if app.settings.always_eager:
        raise RuntimeError(
            "Jobs run at their call here (task_always_eager), and none is enqueued. To look at what is enqueued, use"
            ' celeriac.testing.override(mode="record").'
        )
    broker = app.broker()
    name = None if task is None else name_of(task)
    jobs: list[Job] = list(reversed(broker.find({} if name is None else {"task": name}, MOST)))
    if isinstance(broker, Recorder):
        jobs += [job for job in broker.uncommitted() if name is None or job.task == name]
    return [_enqueued(job) for job in jobs]


def assert_enqueued(
    task: Any = None,
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    queue: str | None = None,
    count: int | None = None,
    app: Any = None,
) -> list[Enqueued]:
    """Require that a job was enqueued; return those found. What is None may be anything.

    With ``count``, exactly so many. Raises ``AssertionError`` that shows what was enqueued instead.
    """
    wanted = _Wanted(task, args, kwargs, queue)
    everything = enqueued(app=app)
    found = [job for job in everything if wanted.fits(job)]
    if (not found) if count is None else len(found) != count:
        expected = "A job" if count is None else "No job" if count == 0 else f"{count} job{'s' if count > 1 else ''}"
        raise AssertionError(f"{expected} {wanted} expected; {_instead(everything, found, app or current_app())}")
    return found


def assert_not_enqueued(
    task: Any = None,
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    queue: str | None = None,
    app: Any = None,
) -> None:
    """Require that no such job was enqueued: ``assert_enqueued(..., count=0)``."""
    assert_enqueued(task, args, kwargs, queue=queue, count=0, app=app)


class _Wanted:
    """What a test looks for."""

    def __init__(self, task: Any, args: Iterable[Any] | None, kwargs: Mapping[str, Any] | None, queue: str | None) -> None:
        if isinstance(args, str | bytes | Mapping):
            raise TypeError(f"args is {args!r}; expected a list or a tuple of arguments, such as ({args!r},).")
        self.name = None if task is None else name_of(task)
        self.queue = queue
        # Through JSON, as what it is compared with.
        given = encode_payload(self.name or "assert_enqueued", tuple(args or ()), kwargs or {})
        sent_args, sent_kwargs, _ = decode_payload(given)
        self.args = None if args is None else sent_args
        self.kwargs = None if kwargs is None else sent_kwargs

    def fits(self, job: Enqueued) -> bool:
        """Return whether a job is what is looked for."""
        pairs = ((self.name, job.task), (self.queue, job.queue), (self.args, job.args), (self.kwargs, job.kwargs))
        return all(wanted is None or wanted == found for wanted, found in pairs)

    def __str__(self) -> str:
        parts = [f"of {self.name or 'any task'}"]
        if self.args is not None:
            parts.append(f"with args {self.args!r}")
        if self.kwargs is not None:
            parts.append(f"with kwargs {self.kwargs!r}")
        if self.queue is not None:
            parts.append(f"to the queue {self.queue}")
        return " ".join(parts)


def _instead(everything: list[Enqueued], found: list[Enqueued], app: Any) -> str:
    hint = _waiting_for_commit(app)
    if not everything:
        return f"nothing was enqueued.{hint}"
    listed = "\n".join(f"  {'*' if job in found else ' '} {job}" for job in everything)
    fit = f", {len(found)} of them fit (*)" if found else ""
    return f"enqueued were {len(everything)}{fit}:\n{listed}{hint}"


def _waiting_for_commit(app: Any) -> str:
    """Return a hint where something waits for a COMMIT that does not come: ``delay_on_commit`` inside a ``TestCase``."""
    connection = open_transaction(app)
    if connection is None or all(_is_ours(entry[1]) for entry in connection.run_on_commit):
        return ""
    return (
        "\nThere are callbacks of on_commit() that wait for the COMMIT that a TestCase never makes. To run them:"
        " with self.captureOnCommitCallbacks(execute=True): ..."
    )


def _is_ours(callback: Any) -> bool:
    """Return whether a callback is of a job that counts as enqueued already."""
    return isinstance(callback, Held) or str(getattr(callback, "__module__", "")).startswith("celeriac.engine.")


def name_of(task: Any) -> str:
    """Return the name of a task, or the name itself. Raises ``TypeError`` for what is neither."""
    name = task if isinstance(task, str) else getattr(task, "module_path", None) or getattr(task, "name", None)
    if not isinstance(name, str):  # a Task of Django has its name here as module_path
        raise TypeError(f"{task!r} is not a task, nor the name of one. Is @shared_task missing on it?")
    return name


def _enqueued(job: Job) -> Enqueued:
    args, kwargs = arguments_of(job)
    eta = None if job.run_at is None else datetime.fromtimestamp(job.run_at, UTC)
    return Enqueued(job.task, args, kwargs, job.queue, job.priority, eta, dict(job.headers or ()), job.id)


def described(job: Job) -> str:
    """Return a job as the call it was."""
    return call(job.task, *arguments_of(job))


def call(task: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> str:
    """Return a call as text."""
    shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return f"{task}({', '.join(shown)})"
