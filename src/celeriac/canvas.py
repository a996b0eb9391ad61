"""Signatures: a call of a task as data, to be made later or by somebody else (celery.canvas).

A signature is a dict that JSON can hold. Chains, groups and chords come with workflows, which are not in this version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from celeriac.current import current_app
from celeriac.engine.ids import new_id
from celeriac.exceptions import NotInThisVersion

if TYPE_CHECKING:
    from celeriac.result import AsyncResult

NO_WORKFLOWS = (
    "{name} belongs to workflows (chain, group, chord), and these are not in this version. A task can enqueue the next one"
    " itself, or name it with link=: first.apply_async(link=second.s())."
)


def no_workflows(name: str) -> NotInThisVersion:
    """Return the error of whoever asks for a part of workflows."""
    return NotInThisVersion(NO_WORKFLOWS.format(name=name))


class Signature(dict[str, Any]):
    """A call as data: ``task``, ``args``, ``kwargs``, ``options``, ``subtask_type``, ``immutable``.

    Arguments given when it is called go before its own, keyword arguments and options over its own; an immutable one ignores
    them.
    """

    _app: Any = None
    _type: Any = None

    def __init__(
        self,
        task: Any = None,
        args: Any = None,
        kwargs: Any = None,
        options: Any = None,
        type: Any = None,  # noqa: A002 - Celery's name
        subtask_type: str | None = None,
        immutable: bool = False,
        app: Any = None,
        **ex: Any,
    ) -> None:
        self._app = app
        if isinstance(task, Mapping):
            super().__init__({**_empty(), **task})
            self["args"] = list(self["args"] or ())
            return
        name = task if isinstance(task, str) else task.name
        self._type = None if isinstance(task, str) else task
        super().__init__(
            task=name,
            args=list(args or ()),
            kwargs=dict(kwargs or {}),
            options=dict(options or {}, **ex),
            subtask_type=subtask_type,
            immutable=immutable,
        )

    # -- what it says ------------------------------------------------------------------------------------------------------

    @property
    def app(self) -> Any:
        """The app it is called in."""
        return self._app or current_app()

    @property
    def type(self) -> Any:
        """The task. Raises ``NotRegistered``."""
        return self._type or self.app.tasks[self["task"]]

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self["task"])

    @property
    def name(self) -> str:
        """The same."""
        return self.task

    @property
    def args(self) -> list[Any]:
        """The positional arguments."""
        args: list[Any] = self["args"]
        return args

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments."""
        kwargs: dict[str, Any] = self["kwargs"]
        return kwargs

    @property
    def options(self) -> dict[str, Any]:
        """The options of the call."""
        options: dict[str, Any] = self["options"]
        return options

    @property
    def immutable(self) -> bool:
        """Whether arguments given later are ignored."""
        return bool(self["immutable"])

    @immutable.setter
    def immutable(self, value: bool) -> None:
        self["immutable"] = value

    @property
    def subtask_type(self) -> str | None:
        """Always None for a single job."""
        kind: str | None = self["subtask_type"]
        return kind

    @property
    def id(self) -> str | None:
        """The id of the job, once it is settled by ``freeze`` or ``set(task_id=...)``."""
        id: str | None = self.options.get("task_id")
        return id

    # -- making others of it -----------------------------------------------------------------------------------------------

    def clone(self, args: Any = None, kwargs: Any = None, **options: Any) -> Signature:
        """Return a copy with more arguments and options."""
        args, kwargs, merged = self._merge(args, kwargs, options)
        copied = {
            key: [dict(link) for link in value] if key in ("link", "link_error") else value for key, value in merged.items()
        }
        return self._like(list(args), dict(kwargs), copied)

    partial = clone

    def replace(self, args: Any = None, kwargs: Any = None, options: Any = None) -> Signature:
        """Return a copy with other arguments, keyword arguments or options."""
        signature = self.clone()
        for name, value in (("args", args), ("kwargs", kwargs), ("options", options)):
            if value is not None:
                signature[name] = value
        return signature

    def _like(self, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Signature:
        signature = Signature({**self, "args": args, "kwargs": kwargs, "options": options}, app=self._app)
        signature._type = self._type
        return signature

    def _merge(
        self, args: Any, kwargs: Any, options: Any, force: bool = False
    ) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        options = {**self.options, **(options or {})}
        if self.immutable and not force:
            return self.args, self.kwargs, options
        return [*(args or ()), *self.args], {**self.kwargs, **(kwargs or {})}, options

    def __copy__(self) -> Signature:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Signature:
        return self.clone()

    def __reduce__(self) -> Any:
        return signature, (dict(self),)

    def freeze(self, _id: str | None = None, **_: Any) -> AsyncResult[Any]:
        """Settle the job's id before it is enqueued; return its result."""
        id: str = self.options.setdefault("task_id", _id or new_id())
        result: AsyncResult[Any] = self.app.AsyncResult(id)
        return result

    # -- changing it -------------------------------------------------------------------------------------------------------

    def set(self, immutable: bool | None = None, **options: Any) -> Signature:
        """Set options; return the signature itself."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Decide whether arguments given later are ignored."""
        self["immutable"] = immutable

    def link(self, callback: Any) -> Any:
        """Let ``callback`` run with the result once the job has succeeded; return ``callback``."""
        return self._append("link", callback)

    def link_error(self, errback: Any) -> Any:
        """Let ``errback`` run once the job has failed; return ``errback``."""
        return self._append("link_error", errback)

    def on_error(self, errback: Any) -> Signature:
        """``link_error``, returning the signature itself."""
        self.link_error(errback)
        return self

    def _append(self, option: str, linked: Any) -> Any:
        links = self.options.setdefault(option, [])
        if not isinstance(links, list):
            links = self.options[option] = list(links) if isinstance(links, tuple) else [links]
        added = maybe_signature(linked, self._app)
        if added not in links:
            links.append(added)
        return linked

    # -- calling it --------------------------------------------------------------------------------------------------------

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> AsyncResult[Any]:
        """Enqueue the job."""
        args, kwargs, options = self._merge(args, kwargs, options)
        options.pop("immutable", None)
        task = self._type or self.app.tasks.get_task(self.task)
        result: AsyncResult[Any]
        if task is None:
            result = self.app.send_task(self.task, args, kwargs, **options)
        else:
            result = task.apply_async(args, kwargs, **options)
        return result

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[Any]:
        """Enqueue the job with more arguments."""
        return self.apply_async(args, kwargs)

    def apply(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Run the task here and now; return an ``EagerResult``."""
        args, kwargs, options = self._merge(args, kwargs, options)
        return self.type.apply(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, without a job."""
        merged, keywords, _ = self._merge(args, kwargs, None, force=True)
        return self.type(*merged, **keywords)

    def __invert__(self) -> Any:
        return self.apply_async().get()

    def __or__(self, other: Any) -> Any:
        raise no_workflows("signature | signature")

    __ror__ = __or__

    # -- looks -------------------------------------------------------------------------------------------------------------

    def flatten_links(self) -> list[Any]:
        """Return the signature and every one that is linked to it."""
        links = [Signature(link, app=self._app) for link in self.options.get("link") or ()]
        return [self, *(found for link in links for found in link.flatten_links())]

    def reprcall(self, *args: Any, **kwargs: Any) -> str:
        """Return the call as Python would write it."""
        merged, keywords, _ = self._merge(args, kwargs, None, force=True)
        shown = [*map(repr, merged), *(f"{name}={value!r}" for name, value in keywords.items())]
        return f"{self.task}({', '.join(shown)})"

    def __json__(self) -> dict[str, Any]:
        return dict(self)

    def __repr__(self) -> str:
        return self.reprcall()


def _empty() -> dict[str, Any]:
    return {"task": None, "args": (), "kwargs": {}, "options": {}, "subtask_type": None, "immutable": False}


def signature(varies: Any, *args: Any, **kwargs: Any) -> Signature:
    """Return a signature of a task, of a task's name, or of a dict that once was one."""
    app = kwargs.get("app")
    if isinstance(varies, Mapping):
        if varies.get("subtask_type") not in (None, ""):
            raise no_workflows(f"A {varies['subtask_type']!r} signature")
        return varies.clone() if isinstance(varies, Signature) else Signature(varies, app=app)
    return Signature(varies, *args, **kwargs)


subtask = signature


def maybe_signature(d: Any, app: Any = None, clone: bool = False) -> Any:
    """Return a signature for a dict that is one, and anything else as it is."""
    if isinstance(d, Signature):
        return d.clone() if clone else d
    return signature(d, app=app) if isinstance(d, Mapping) and "task" in d else d


maybe_subtask = maybe_signature
