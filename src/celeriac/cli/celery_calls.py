"""Celery's ``call``, ``result``, ``purge`` and ``report``, which mean the same here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.cli import exits
from celeriac.cli.asking import yes_option
from celeriac.cli.opening import answering, complain, project_options
from celeriac.cli.queues import purge_queues
from celeriac.cli.tables import clean, clean_lines, say
from celeriac.engine.errors import CeleriacError
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery


def call_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery call``."""
    project_options(parser, json=None)
    add = parser.add_argument
    add("name", metavar="TASK")
    add("-a", "--args", default="[]", metavar="JSON", help=_("positional arguments, a JSON list"))
    add("-k", "--kwargs", default="{}", metavar="JSON", help=_("arguments by name, a JSON object"))
    add("--eta", metavar="TIME", help=_("not before this time (ISO 8601)"))
    add("--countdown", type=float, metavar="S", help=_("not before so many seconds have passed"))
    add("--expires", metavar="TIME", help=_("not after this time, or so many seconds"))
    add("--queue", metavar="NAME")
    for option in ("--serializer", "--exchange", "--routing-key"):
        add(option, help=argparse.SUPPRESS)


@answering
def run_call(app: Celery, options: argparse.Namespace) -> int:
    """Enqueue a job of a task by its name, which this project need not know; print the id."""
    try:
        args, kwargs = _json(options.args, list, "--args"), _json(options.kwargs, dict, "--kwargs")
        expires: Any = options.expires
        if expires is not None and expires.replace(".", "", 1).isdigit():
            expires = float(expires)
        given = {"countdown": options.countdown, "eta": options.eta, "expires": expires}
        queue = options.queue or options.routing_key
        result = app.send_task(options.name, args, kwargs, **given, **({"queue": queue} if queue else {}))
    except (TypeError, ValueError) as error:
        return complain(error, exits.USAGE)
    say(result.id)
    return exits.OK


def _json(text: str, kind: type, option: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(_("{option} {text!r} is not JSON: {error}").format(option=option, text=text, error=error)) from None
    if not isinstance(value, kind):
        expected = _("a JSON list") if kind is list else _("a JSON object")
        raise ValueError(_("{option} {text!r} is not {expected}").format(option=option, text=text, expected=expected))
    return value


def result_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery result``."""
    project_options(parser, json=None)
    parser.add_argument("id", metavar="ID")
    parser.add_argument("-t", "--task", help=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", help=_("show the traceback instead"))


@answering
def run_result(app: Celery, options: argparse.Namespace) -> int:
    """Wait for a job's end, and print what it returned or raised."""
    result = app.AsyncResult(options.id)
    if not result.exists():
        text = _("There is no job {id}. It may have been deleted: ended jobs are kept for a time.")
        return complain(text.format(id=clean(options.id)), exits.NOT_FOUND)
    try:
        value = result.get(propagate=False)
    except CeleriacError as error:
        return complain(error, exits.FAILED)
    shown = result.traceback if options.traceback else value
    say(clean_lines(shown) if isinstance(shown, str) else clean(shown))
    return exits.FAILED if isinstance(value, BaseException) else exits.OK


def purge_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery purge``."""
    project_options(parser, json=None)
    yes_option(parser, "-f", "--force")
    parser.add_argument("-Q", "--queues", metavar="A,B", help=_("only these queues"))
    parser.add_argument("-X", "--exclude-queues", metavar="A,B", help=_("all but these"))


@answering
def run_purge(app: Celery, options: argparse.Namespace) -> int:
    """Cancel what waits in the project's queues."""
    from celeriac.queues import declared_queues

    queues = options.queues.split(",") if options.queues else declared_queues(app)
    excluded = options.exclude_queues.split(",") if options.exclude_queues else []
    return purge_queues(app, [queue for queue in queues if queue not in excluded], options.yes)


def report_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``celery report``."""
    project_options(parser, json=None)


@answering
def run_report(app: Celery, options: argparse.Namespace) -> int:
    """Print what a report of a problem needs."""
    from celeriac.inspection import software

    say(clean_lines(software(app)))
    for name, value in sorted((app.control.inspect().stats() or {}).items()):
        say(f"worker   -> {clean(name)} pool:{value['pool']['implementation']} version:{value['version']}")
    return exits.OK
