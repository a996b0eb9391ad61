"""One job as its page shows it: what it was asked to do, what became of each attempt, what it left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac.admin.texts import moment, shown_state
from celeriac.cli.durations import span
from celeriac.engine.codec import decode_failure, decode_payload
from celeriac.engine.encryption import arguments_of, is_encrypted, result_of
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt
from celeriac.jobs import relatives, worker_name
from celeriac.redaction import OPEN, Argument, Redaction, named

if TYPE_CHECKING:
    from celeriac.app import Celery

LONGEST = 20_000
"""Characters of a value that are shown."""
MEMBERS = 100
"""Jobs of a group that are linked."""
TIMES = {
    "created": gettext_lazy("enqueued"),
    "run_at": gettext_lazy("runs at"),
    "started": gettext_lazy("started"),
    "finished": gettext_lazy("finished"),
    "expires": gettext_lazy("expires"),
}


class Link(NamedTuple):
    """A job that has to do with this one."""

    why: str
    id: str


def written(value: Any) -> str:
    """Return a value as text: JSON, with what JSON does not know as it writes itself."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n" + _("... {n} characters more").format(n=len(text) - LONGEST)


def mentions(app: Celery, job: Job, text: str) -> bool:
    """Return whether a job mentions a text where everybody may see it: a search must not find out what is hidden."""
    if job.id.startswith(text) or text in job.task:
        return True
    try:
        args, kwargs, _embed = decode_payload(job.payload)
    except UnreadablePayload:
        return False
    shown = _redacted(_named(app, job, args, kwargs), Redaction(app.settings.hidden_names))
    return text in msgspec.json.encode(dict(shown), enc_hook=str).decode()


def _named(app: Celery, job: Job, args: Any, kwargs: Any) -> list[Argument]:
    return named(getattr(app.tasks.get(job.task), "run", None), args, kwargs)


def _redacted(arguments: list[Argument], redaction: Redaction) -> list[Argument]:
    return [Argument(name, redaction.value(value, name)) for name, value in arguments]


class JobRecord:
    """A job for its page. ``revealed``: with what is hidden otherwise."""

    def __init__(self, app: Celery, job: Job, revealed: bool = False) -> None:
        self._app = app
        self.job = job
        self.revealed = revealed
        self._redaction = OPEN if revealed else Redaction(app.settings.hidden_names)
        self._embed: dict[str, Any] = {}
        self.unreadable = ""
        self.arguments = self._read_arguments()

    def _read_arguments(self) -> list[tuple[str, str]]:
        if is_encrypted(self.job.payload) and not self.revealed:
            self.unreadable = _("The arguments are encrypted.")
            return []
        try:
            args, kwargs, self._embed = arguments_of(self.job, self._app.cipher)
        except UnreadablePayload as error:
            self.unreadable = str(error)
            return []
        shown = _redacted(_named(self._app, self.job, args, kwargs), self._redaction)
        return [(name, written(value)) for name, value in shown]

    @property
    def facts(self) -> list[tuple[Any, Any]]:
        """What is known of the job, with the name of each fact; empty ones are left out."""
        job = self.job
        took = span(job.finished - job.started) if job.finished and job.started else None
        facts: list[tuple[Any, Any]] = [
            (_("state"), shown_state(job.state)), (_("id"), job.id), (_("task"), job.task), (_("queue"), job.queue),
            (_("priority"), job.priority or None), *((text, moment(getattr(job, name))) for name, text in TIMES.items()),
            (_("took"), took), (_("worker"), worker_name(self._app, job)), (_("attempts"), job.attempts or None),
            (_("deaths of processes"), job.charges or None), (_("periodic task"), job.schedule),
            (_("its time"), moment(job.nominal)), (_("progress"), self._progress()),
        ]  # fmt: skip
        return [(name, value) for name, value in facts if value is not None]

    def _progress(self) -> str | None:
        said = self.job.progress or {}
        if "done" not in said:
            return None
        total = f" / {said['total']}" if said.get("total") is not None else ""
        return f"{said['done']}{total} {said.get('message') or ''}".strip()

    @property
    def options(self) -> list[tuple[str, str]]:
        """What travels with the arguments: limits, callbacks, headers, metadata."""
        job = self.job
        given: dict[str, Any] = {**{name: value for name, value in self._embed.items() if value is not None}}
        given |= {name: value for name in ("headers", "metadata", "progress") if (value := getattr(job, name))}
        given |= {name: value for name in ("unique_key", "concurrency_key") if (value := getattr(job, name))}
        return [(name, written(self._within(value, name))) for name, value in given.items()]

    def _within(self, value: Any, name: str = "") -> Any:
        """Redact what may contain calls of other tasks, whose positional arguments have their names there."""
        if isinstance(value, list | tuple):
            return [self._within(item) for item in value]
        if not isinstance(value, Mapping):
            return self._redaction.value(value, name)
        if self._redaction.hides(name) or not isinstance(value.get("args"), list | tuple):
            return self._redaction.value({key: self._within(item, key) for key, item in value.items()}, name)
        function = getattr(self._app.tasks.get(value.get("task", "")), "run", None)
        args = [value for _name, value in _redacted(named(function, value["args"], {}), self._redaction)]
        return {**{key: self._within(item, key) for key, item in value.items() if key != "args"}, "args": args}

    @property
    def result(self) -> str | None:
        """What the task returned, or the error that it failed with."""
        job = self.job
        if job.result is None:
            return None
        try:
            if job.state is State.FAILED:
                failure = decode_failure(job.result)
                return f"{failure.type}: {failure.message}"
            if is_encrypted(job.result) and not self.revealed:
                return _("The result is encrypted.")
            return written(self._redaction.value(result_of(job, self._app.cipher)))
        except UnreadablePayload as error:
            return str(error)

    @property
    def attempts(self) -> list[tuple[str, Attempt]]:
        """What is kept of the attempts, the oldest first, each with its heading."""
        kept: list[Attempt] = self._app.broker().attempts(self.job.id)
        return [(self._heading(attempt), attempt) for attempt in kept]

    @staticmethod
    def _heading(attempt: Attempt) -> str:
        took = span(attempt.finished - attempt.started) if attempt.finished and attempt.started else "-"
        text = _("Attempt {n}: {state} at {time} after {took}, on {worker}")
        return text.format(
            n=attempt.index,
            state=_(attempt.state.value),
            time=moment(attempt.finished),
            took=took,
            worker=attempt.worker or "-",
        )

    @property
    def links(self) -> list[Link]:
        """The jobs that have to do with this one."""
        job, found = self.job, relatives(self._app, self.job)
        again = found.retry_of
        single = [
            (_("is a retry of"), again), (_("was retried as"), found.retried_as),
            (_("enqueued by"), job.parent if job.parent != again else None),
            (_("began with"), job.root if job.root not in (job.id, job.parent) else None),
        ]  # fmt: skip
        links = [Link(why, id) for why, id in single if id]
        links += [Link(_("enqueued"), id) for id in found.children]
        group = self._app.broker().find({"group": job.group}, MEMBERS) if job.group else []
        return links + [Link(_("in the same group"), member.id) for member in reversed(group) if member.id != job.id]
