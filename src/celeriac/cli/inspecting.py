"""Celery's ``inspect`` and ``control``: the same words, the same form of answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.cli import exits
from celeriac.cli.opening import answering, complain, project_options
from celeriac.cli.queues import ask_whether_meant
from celeriac.cli.tables import clean, note, say
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.control import Control

QUESTIONS = (
    "active", "active_queues", "conf", "ping", "query_task", "registered", "report", "reserved", "revoked", "scheduled",
    "stats",
)  # fmt: skip
COMMANDS: Mapping[str, str] = {
    "revoke": "ID ...",
    "terminate": "SIGNAL ID ...",
    "rate_limit": "TASK RATE",
    "pause": "QUEUE ...",
    "resume": "QUEUE ...",
}
_FIXED = gettext_noop(
    "which queues a worker serves is decided at its start, by -Q. celeriac queues pause stops handing out jobs."
)
_SIZE = gettext_noop(
    "the number of slots does not change while a worker runs: start it anew with another -c, or start one more."
)
_EVENTS = gettext_noop("there are no events to turn on or off: every job and worker is in the broker.")
_ASKED = gettext_noop("no worker is asked: what inspect knows comes from the broker.")
INSTEAD: Mapping[str, str] = {
    "add_consumer": _FIXED,
    "autoscale": _SIZE,
    "cancel_consumer": _FIXED,
    "clock": _ASKED,
    "disable_events": _EVENTS,
    "election": _ASKED,
    "enable_events": _EVENTS,
    "heartbeat": _ASKED,
    "hello": _ASKED,
    "memdump": _ASKED,
    "memsample": _ASKED,
    "objgraph": _ASKED,
    "pool_grow": _SIZE,
    "pool_restart": gettext_noop("kill -HUP <pid> has a worker load the code anew; celeriac workers shows the pids."),
    "pool_shrink": _SIZE,
    "shutdown": gettext_noop("kill -TERM <pid> ends a worker on its host; celeriac workers shows hosts and pids."),
    "time_limit": gettext_noop("a time limit is the task's own, or the worker's: --time-limit, time_limit=, task_annotations."),
}
"""What Celery's workers can be told and ours cannot -> what does its work."""


def inspect_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery inspect``."""
    _options(parser)
    parser.add_argument("question", metavar="QUESTION", help=", ".join(QUESTIONS))
    parser.add_argument("arguments", nargs="*", metavar="ARG")


def control_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery control``."""
    _options(parser)
    parser.add_argument("order", metavar="COMMAND", help=", ".join(f"{name} {words}" for name, words in COMMANDS.items()))
    parser.add_argument("arguments", nargs="*", metavar="ARG")


def _options(parser: argparse.ArgumentParser) -> None:
    project_options(parser, "-j/--json")
    parser.add_argument("-d", "--destination", metavar="A,B", help=_("only these workers"))
    parser.add_argument("-t", "--timeout", help=argparse.SUPPRESS)


@answering
def run_inspect(app: Celery, options: argparse.Namespace) -> int:
    """Answer a question, each worker's part below its name."""
    if options.question not in QUESTIONS:
        return _refuse("inspect", options.question, QUESTIONS)
    destination = options.destination.split(",") if options.destination else None
    replies = getattr(app.control.inspect(destination), options.question)(*options.arguments)
    if not replies:
        return complain(_("Error: No nodes replied within time constraint"), exits.UNAVAILABLE)
    show_replies(replies, options.json)
    return exits.OK


def show_replies(replies: Mapping[str, Any], as_json: bool) -> None:
    """Print answers as Celery does."""
    if as_json:
        say(msgspec.json.encode(replies).decode())
        return
    for name, reply in replies.items():
        say(f"->  {clean(name)}: OK")
        for line in _pretty(reply):
            say(f"    {line}")
    number = len(replies)
    say()
    say(_("{n} node online.").format(n=1) if number == 1 else _("{n} nodes online.").format(n=number))


def _pretty(reply: Any) -> list[str]:
    if isinstance(reply, list):
        return [f"* {clean(item)}" for item in reply] or ["- empty -"]
    if isinstance(reply, dict) and set(reply) == {"ok"}:
        return [clean(line) for line in str(reply["ok"]).splitlines()]
    return msgspec.json.format(msgspec.json.encode(reply), indent=4).decode().splitlines()


@answering
def run_control(app: Celery, options: argparse.Namespace) -> int:
    """Carry out a command at the broker, which all workers obey."""
    if options.order not in COMMANDS:
        return _refuse("control", options.order, tuple(COMMANDS))
    try:
        _ask_whether_meant(app, options)
        changed = _OBEY[options.order](app.control, options.arguments)
    except (IndexError, ValueError) as error:
        reason = f" {error}" if isinstance(error, ValueError) else ""
        text = _("celeriac control {command} {words}:{reason}").format(
            command=options.order, words=COMMANDS[options.order], reason=reason or _(" an argument is missing.")
        )
        return complain(text, exits.USAGE)
    if options.json:
        say(msgspec.json.encode({"ok": changed}).decode())
    else:
        say(_("->  broker: OK"))
        # Of a rate limit, what changed are the jobs that it lets go on.
        say("    " + (_("new rate limit set") if options.order == "rate_limit" else _("{n} changed").format(n=changed)))
    return exits.OK


def _ask_whether_meant(app: Celery, options: argparse.Namespace) -> None:
    """Say of which queue, or task, nobody has heard. Other projects may share the broker, so the command is carried out."""
    if options.order in ("pause", "resume"):
        ask_whether_meant(app, options.arguments)
    elif options.order == "rate_limit" and options.arguments and options.arguments[0] not in app.tasks:
        text = _("There is no task {name!r} in this project.{hint}")
        name = options.arguments[0]
        note(text.format(name=clean(name), hint=did_you_mean(name, app.tasks)))


def _some(arguments: list[str]) -> list[str]:
    if not arguments:
        raise IndexError
    return arguments


_OBEY: Mapping[str, Callable[[Control, list[str]], int]] = {
    "revoke": lambda control, given: control.revoke(_some(given)),
    "terminate": lambda control, given: control.terminate(_some(given[1:] if not given or given[0].isupper() else given)),
    "rate_limit": lambda control, given: control.rate_limit(given[0], given[1]),
    "pause": lambda control, given: control.pause(*_some(given)),
    "resume": lambda control, given: control.resume(*_some(given)),
}


def _refuse(command: str, name: str, known: tuple[str, ...]) -> int:
    if name in INSTEAD:
        return complain(f"celeriac {command} {name}: {_(INSTEAD[name])}", exits.UNSUPPORTED)
    text = _("celeriac {command} has no {name!r}; there are {known}.{hint}")
    names = ", ".join(known)
    return complain(text.format(command=command, name=name, known=names, hint=did_you_mean(name, known)), exits.USAGE)
