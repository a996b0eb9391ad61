"""The request of a running attempt: what a task sees as ``self.request``, and how code finds the attempt it runs in."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from celeriac.engine.job import Job
from celeriac.engine.translation import gettext as _

current_request: ContextVar[Request | None] = ContextVar("celeriac_request", default=None)
"""The request of the attempt that runs in this thread or coroutine. Set by the attempt, the eager call and the direct call."""


_EMPTY = {
    "logfile": None, "loglevel": None, "origin": None, "replaced_task_nesting": 0, "shadow": None,
    "stamped_headers": None, "stamps": None,
}  # fmt: skip
"""What Celery's ``Context`` has besides, as it is there where nobody has set it."""

PERIODIC = "periodic_task_name"
NOMINAL = "nominal"
"""Marks, in what travels with the arguments, of a tick: its periodic task, and the time for which it was planned."""


class Request:
    """One attempt, seen from inside the task. The attributes are those of Celery's ``Context`` (celery.app.task).

    Built once for each attempt, so what is seldom asked for is a property over the job's record.
    """

    __slots__ = (
        "__dict__",  # code written for Celery keeps things of its own on the request
        "_task",
        "again",
        "args",
        "called_directly",
        "children",
        "embed",
        "hostname",
        "is_eager",
        "job",
        "kwargs",
        "log",
        "outer",
        "progress",
        "reporter",
        "retries",
    )

    unfinished: Any = None
    """What the attempt has printed without ending the line, by stream and thread; see ``worker/stdouts.py``."""

    def __init__(
        self,
        job: Job | None = None,
        task: str = "",
        args: Any = (),
        kwargs: Any = None,
        embed: dict[str, Any] | None = None,
        hostname: str = "",
        is_eager: bool = False,
        called_directly: bool = False,
        outer: Request | None = None,
    ) -> None:
        self.job = job
        self._task = task
        self.args = args
        self.kwargs = kwargs if kwargs is not None else {}
        self.embed = embed if embed is not None else {}
        self.hostname = hostname
        self.is_eager = is_eager
        self.called_directly = called_directly
        self.retries = job.attempts if job is not None else 0
        self.children: list[Any] = []
        self.log: Any = None
        """What the attempt has logged, from the first line on; see ``worker/joblog.py``."""
        self.reporter: Any = None
        """Called with (token, progress) to publish progress; None outside a worker."""
        self.progress: dict[str, Any] | None = None
        """What was reported last."""
        self.again: Any = None
        """The retry that ``retry(throw=False)`` asked for: it takes effect when the body has returned."""
        self.outer = outer
        """The request of the code that called this task in its own process: directly, or eagerly."""

    @property
    def id(self) -> str | None:
        """The job's id; None when the task was called directly."""
        return self.job.id if self.job is not None else None

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.job.task if self.job is not None else self._task

    @property
    def root_id(self) -> str | None:
        """The id of the first job of the tree this one belongs to."""
        return (self.job.root or self.job.id) if self.job is not None else None

    @property
    def parent_id(self) -> str | None:
        """The id of the job that enqueued this one."""
        return self.job.parent if self.job is not None else None

    @property
    def group(self) -> str | None:
        """The id of the group this job is a member of."""
        return self.job.group if self.job is not None else None

    @property
    def group_index(self) -> int | None:
        """The place in that group."""
        return self.job.position if self.job is not None else None

    @property
    def headers(self) -> dict[str, Any] | None:
        """The caller's own headers."""
        return self.job.headers if self.job is not None else None

    @property
    def eta(self) -> str | None:
        """When the job was due, ISO 8601 in UTC, where it was delayed."""
        return iso(self.job.run_at) if self.job is not None else None

    @property
    def expires(self) -> str | None:
        """When the job expires, ISO 8601 in UTC."""
        return iso(self.job.expires) if self.job is not None else None

    @property
    def delivery_info(self) -> dict[str, Any]:
        """Where the job came from, in AMQP's words."""
        if self.job is None:
            return {}
        return {
            "exchange": "",
            "routing_key": self.job.queue,
            "priority": self.job.priority,
            "redelivered": self.job.delivery > self.job.attempts + 1,
        }

    @property
    def properties(self) -> dict[str, Any]:
        """What AMQP would call so; of a tick also the name of its periodic task and its nominal time, ISO 8601 in UTC."""
        found: dict[str, Any] = {"correlation_id": self.id, "priority": self.job.priority if self.job is not None else 0}
        return found | {key: self.embed[key] for key in (PERIODIC, NOMINAL) if key in self.embed}

    @property
    def periodic_task_name(self) -> str | None:
        """The name of the periodic task that this is a tick of."""
        return self.embed.get(PERIODIC)

    @property
    def correlation_id(self) -> str | None:
        """The same as ``id``."""
        return self.id

    @property
    def reply_to(self) -> None:
        """Always None: results are read from the store, not sent to the caller."""

    @property
    def time_limit(self) -> float | None:
        """The hard limit given with this call, in seconds."""
        return self.embed.get("time_limit")

    @property
    def soft_time_limit(self) -> float | None:
        """The soft limit given with this call, in seconds."""
        return self.embed.get("soft_time_limit")

    @property
    def timelimit(self) -> list[float | None]:
        """``[hard, soft]`` as given with this call, in seconds."""
        return [self.time_limit, self.soft_time_limit]

    @property
    def callbacks(self) -> list[Any] | None:
        """Signatures that run after success."""
        return self.embed.get("callbacks")

    @property
    def errbacks(self) -> list[Any] | None:
        """Signatures that run after failure."""
        return self.embed.get("errbacks")

    @property
    def ignore_result(self) -> bool:
        """Whether the caller asked for the result not to be kept."""
        return bool(self.embed.get("ignore_result", False))

    @property
    def chain(self) -> list[Any] | None:
        """The steps of a chain still to come, the next one last."""
        return self.embed.get("chain")

    @property
    def chord(self) -> Any:
        """The body of the chord this job is a header of."""
        return self.embed.get("chord")

    @property
    def argsrepr(self) -> str:
        """The positional arguments as text."""
        return repr(tuple(self.args))

    @property
    def kwargsrepr(self) -> str:
        """The keyword arguments as text."""
        return repr(self.kwargs)

    @property
    def utc(self) -> bool:
        """Always True: times travel in UTC."""
        return True

    def get(self, key: str, default: Any = None) -> Any:
        """Return the attribute ``key``, else the caller's header of that name, else ``default``."""
        value = getattr(self, key, None)
        if value is None and self.headers:
            value = self.headers.get(key)
        return default if value is None else value

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set attributes, as Celery's ``Context.update``."""
        for name, value in dict(*args, **kwargs).items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Celery shows custom headers as attributes of the request; only reached when nothing else has the name.
        headers = self.headers if not name.startswith("_") else None
        if headers and name in headers:
            return headers[name]
        if name in _EMPTY:
            return _EMPTY[name]
        raise AttributeError(
            _("The request of {task} has no attribute {name!r}, and no header of that name.").format(
                task=self.task or "no task", name=name
            )
        )


def running_request() -> Request | None:
    """Return the request of the job that runs in this thread or coroutine, past any direct calls of tasks inside it."""
    request = current_request.get()
    while request is not None and request.called_directly:
        request = request.outer
    return request


def iso(seconds: float | None) -> str | None:
    """Return a time in seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None
