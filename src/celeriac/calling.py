"""From a call to a job: ``build_job`` puts arguments and options together, ``publish`` hands jobs to the broker."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from celeriac import options as opts
from celeriac import signals
from celeriac.conf.routes import Router
from celeriac.engine.codec import encode_payload, plain_headers
from celeriac.engine.encryption import ARGUMENTS, arguments_of
from celeriac.engine.ids import new_id, new_ids
from celeriac.engine.job import Job, State
from celeriac.engine.request import iso, running_request
from celeriac.engine.translation import gettext as _
from celeriac.queues import meet

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.engine.encryption import Cipher
    from celeriac.engine.request import Request
    from celeriac.engine.signing import Signer
    from celeriac.task import Task

EXECUTION_OPTIONS = (
    "queue", "routing_key", "priority", "expires", "time_limit", "soft_time_limit", "exchange", "exchange_type", "serializer",
    "delivery_mode", "compression", "immediate", "mandatory",
)  # fmt: skip
"""Attributes of a task that are options of each call of it (``extract_exec_options`` in celery.app.task)."""

_EMPTY: dict[str, Any] = {}


class Plan:
    """What is the same for every plain call of one task, as long as no setting changes."""

    __slots__ = ("base", "cipher", "dynamic", "limit", "name", "priority", "queue", "signer", "simple", "version")

    def __init__(self, app: Celery, name: str, task: Task[Any, Any] | None, version: int) -> None:
        opts.text("The task's name", name)
        self.name = name
        self.version = version
        own = (
            {} if task is None else {key: value for key in EXECUTION_OPTIONS if (value := getattr(task, key, None)) is not None}
        )
        for limit in ("time_limit", "soft_time_limit"):
            own.pop(limit, None)  # the worker reads these from the task itself
        self.dynamic = app.router.dynamic
        route = _EMPTY if self.dynamic else _route(app.router, name, (), {}, own, task)
        self.base: dict[str, Any] = {**route, **own}
        settings = app.settings
        self.simple = not self.dynamic and not any(key in self.base for key in ("expires", *_EMBEDDED))
        self.limit = settings.max_payload_bytes
        self.queue = opts.queue_of(self.base, settings)
        self.priority = opts.priority_of(self.base, settings)
        asked = getattr(task, "encrypt", None)
        self.cipher = app.cipher if (settings.encrypt if asked is None else asked) else None
        self.signer = app.signer

    def job(self, id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Job:
        """Return the job of a call without options, where the plan is ``simple``."""
        payload = encode_payload(self.name, args, kwargs, None, self.limit)
        return Job(id=id, task=self.name, queue=self.queue, payload=payload, priority=self.priority)


_OF_TASK = frozenset({"time_limit", "soft_time_limit", "ignore_result"})
_EMBEDDED = ("time_limit", "soft_time_limit", "ignore_result", "link", "link_error")


def build_job(
    app: Celery,
    name: str,
    task: Task[Any, Any] | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: dict[str, Any],
    marks: dict[str, Any] | None = None,
    router: Router | None = None,
    encrypted: bool = False,
) -> Job:
    """Return the job of a call.

    ``marks`` travel with the arguments of a follow-up, whose size is not limited: the result of the job before was not either.
    ``router`` is asked in place of the app's own, where that has functions to ask. ``encrypted``: so it is in any case.
    Raises ``TypeError`` or ``ValueError`` for arguments and options that cannot be.
    """
    plan = app.plan(name, task)
    if options or not plan.simple:
        job = _build_with_options(app, plan, _Call(name, task, args, kwargs, options, marks, router or app.router))
    else:
        job = plan.job(new_id(), args, kwargs)
    _seal(job, plan.signer, app.cipher if encrypted else plan.cipher, running_request())
    return job


def build_jobs(
    app: Celery, task: Task[Any, Any], calls: Sequence[tuple[Sequence[Any], Mapping[str, Any], dict[str, Any]]]
) -> list[Job]:
    """Return the jobs of many calls of one task, each with its options. What they have in common is looked up once."""
    plan, request = app.plan(task.name, task), running_request()
    jobs = [
        plan.job(id, args, kwargs)
        if plan.simple and not options
        else _build_with_options(app, plan, _Call(task.name, task, args, kwargs, options, None, app.router))
        for id, (args, kwargs, options) in zip(new_ids(len(calls)), calls, strict=True)
    ]
    if plan.signer is not None or plan.cipher is not None or request is not None:
        for job in jobs:
            _seal(job, plan.signer, plan.cipher, request)
    return jobs


def _seal(job: Job, signer: Signer | None, cipher: Cipher | None, request: Request | None) -> None:
    """Say which job enqueues this one, then hide what is in it, then sign what is sent."""
    if request is not None:
        job.parent = job.parent or request.id
        job.root = job.root or request.root_id
    if cipher is not None:
        job.payload = cipher.encrypt(job.payload, job.id, ARGUMENTS)
    if signer is not None:
        job.payload = signer.sign(job, job.payload, job.queue)


class _Call(NamedTuple):
    name: str
    task: Task[Any, Any] | None
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: dict[str, Any]
    marks: dict[str, Any] | None
    router: Router


def _build_with_options(app: Celery, plan: Plan, call: _Call) -> Job:
    opts.refuse_unknown(call.options)
    name, task, args, kwargs, options, marks, router = call
    settings = app.settings
    merged = {**plan.base, **{key: value for key, value in options.items() if value is not None}}
    if plan.dynamic:
        merged = {**_route(router, name, args, kwargs, merged, task), **merged}
    limit = settings.max_payload_bytes if marks is None else sys.maxsize
    now = app.clock.wall()
    run_at = opts.run_at_of(merged, now, settings)
    return Job(
        id=new_id() if merged.get("task_id") is None else opts.text("task_id", merged["task_id"]),
        task=name,
        queue=opts.queue_of(merged, settings),
        payload=encode_payload(name, args, kwargs, embedded(task, merged, marks), limit),
        priority=opts.priority_of(merged, settings),
        state=State.WAITING if run_at is None else State.SCHEDULED,
        run_at=run_at,
        expires=opts.expires_of(merged, now, settings),
        headers=plain_headers(name, merged["headers"]) if merged.get("headers") else None,
        root=merged.get("root_id"),
        parent=merged.get("parent_id"),
        group=merged.get("group_id"),
        position=merged.get("group_index"),
    )


def _route(
    router: Router, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Task[Any, Any] | None
) -> dict[str, Any]:
    """Return what ``task_routes`` says of a call, without what the task itself decides: the worker asks the task for that."""
    found = router.options(name, args, kwargs, options, task)
    return {option: value for option, value in found.items() if option not in _OF_TASK or getattr(task, option, None) is None}


def embedded(
    task: Task[Any, Any] | None, options: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return what travels with the arguments, or None: limits and links of this call, over those of ``before``."""
    embed: dict[str, Any] = dict(before or ())
    if not any(options.get(key) is not None for key in _EMBEDDED):
        return embed or None
    for name in ("time_limit", "soft_time_limit"):
        if (seconds := opts.limit(name, options.get(name))) is not None:
            embed[name] = seconds
    opts.check_limits(
        embed.get("soft_time_limit", task and task.soft_time_limit), embed.get("time_limit", task and task.time_limit)
    )
    if (ignored := options.get("ignore_result")) is not None:
        embed["ignore_result"] = bool(ignored)
    for option, key in (("link", "callbacks"), ("link_error", "errbacks")):
        if linked := signatures(options.get(option)):
            embed[key] = linked
    return embed or None


def signatures(linked: Any) -> list[dict[str, Any]]:
    """Return one signature or several as dicts that JSON can hold."""
    if not linked:
        return []
    several = linked if isinstance(linked, list | tuple) else [linked]
    return [_signature_dict(signature) for signature in several]


def _signature_dict(signature: Any) -> dict[str, Any]:
    if isinstance(signature, Mapping):
        return dict(signature)
    if hasattr(signature, "s") and hasattr(signature, "name"):  # a task itself
        return dict(signature.s())
    raise TypeError(
        _("link and link_error take signatures, such as task.s(1); this is {signature!r}.").format(signature=signature)
    )


# -- handing over ----------------------------------------------------------------------------------------------------------


def publish(app: Celery, jobs: Sequence[Job]) -> None:
    """Push jobs, in one round trip, and tell the signals."""
    if signals.before_task_publish.receivers:
        for job in jobs:
            announce(app, job)
    app.broker().push(jobs)
    for job in jobs:
        if job.queue not in app.met_queues:
            meet(app, job)
    if signals.after_task_publish.receivers:
        for job in jobs:
            signals.after_task_publish.send(
                sender=job.task, body=_body(app, job), exchange="", routing_key=job.queue, headers=message_headers(job)
            )


def announce(app: Celery, job: Job) -> None:
    """Send ``before_task_publish``. A header that a receiver adds travels with the job, as in Celery."""
    headers = message_headers(job)
    standard = set(headers) - set(job.headers or ())
    signals.before_task_publish.send(
        sender=job.task, body=_body(app, job), exchange="", routing_key=job.queue, headers=headers, declare=[], retry_policy={},
        properties={"correlation_id": job.id, "priority": job.priority},
    )  # fmt: skip
    own = {key: value for key, value in headers.items() if key not in standard}
    job.headers = plain_headers(job.task, own) if own else None


def _body(app: Celery, job: Job) -> Any:
    args, kwargs, embed = arguments_of(job, app.cipher)
    return args, kwargs, {"callbacks": None, "errbacks": None, "chain": None, "chord": None, **embed}


_ORIGIN = f"{os.getpid()}@{socket.gethostname()}"


def message_headers(job: Job) -> dict[str, Any]:
    """Return a job's headers as Celery's protocol 2 has them, the caller's own among them."""
    return {
        "lang": "py", "task": job.task, "id": job.id, "shadow": None, "eta": iso(job.run_at), "expires": iso(job.expires),
        "group": job.group, "group_index": job.position, "retries": job.attempts, "timelimit": [None, None],
        "root_id": job.root or job.id, "parent_id": job.parent, "origin": _ORIGIN,
        **(job.headers or {}),
    }  # fmt: skip
