"""``celeriac run TASK ARGS``: enqueue one job, wait for it, print what it returned."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.cli import exits
from celeriac.cli.durations import duration
from celeriac.cli.opening import answering, complain, project_options
from celeriac.cli.tables import clean, clean_lines, note, say, show_json
from celeriac.engine.errors import CeleriacError, TimeoutError, did_you_mean  # noqa: A004 - Celery's name
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

PATIENCE = 3_600.0


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)
    parser.add_argument("task", metavar="TASK")
    parser.add_argument("arguments", nargs="*", metavar="ARG", help=_("JSON, or else text; name=value for one by its name"))
    parser.add_argument("--local", action="store_true", help=_("run it here and now, without a queue and a worker"))
    parser.add_argument("--queue", metavar="NAME", help=_("put it into this queue"))
    parser.add_argument(
        "--timeout", type=duration, default=PATIENCE, metavar="SPAN", help=_("how long to wait for its end (1h)")
    )


def value_of(text: str) -> Any:
    """Return what an argument means: JSON where it is some, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def arguments_of(given: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional arguments, and those of the form ``name=value``."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if sign and name.isidentifier():
            kwargs[name] = value_of(value)
        else:
            args.append(value_of(text))
    return args, kwargs


@answering
def run_run(app: Celery, options: argparse.Namespace) -> int:
    """Enqueue and wait, or run here. The status says whether it succeeded."""
    task = app.tasks.get_task(options.task)
    if task is None:
        return complain(unknown(app, options.task), exits.NOT_FOUND)
    args, kwargs = arguments_of(options.arguments)
    try:
        if options.local:
            result = task.apply(args, kwargs)
        else:
            result = task.apply_async(args, kwargs, **({"queue": options.queue} if options.queue else {}))
            warn_if_unserved(app, result.id)
    except (TypeError, ValueError) as error:
        return complain(error, exits.USAGE)
    return answer(result, options)


def unknown(app: Celery, name: str) -> str:
    """Return the sentence about a task that there is not."""
    known = [task for task in app.tasks if not task.startswith("celery.")]
    hint = did_you_mean(name, known)
    return _("There is no task {name!r} in this project.{hint} celeriac tasks lists them.").format(name=name, hint=hint)


def warn_if_unserved(app: Celery, id: str) -> None:
    """Say so where nobody takes jobs from the queue of a job that was just enqueued."""
    job = app.broker().get(id)
    if job is not None and not any(job.queue in worker.queues for worker in app.broker().workers()):
        text = _("No running worker serves the queue {queue!r}; this waits until one is started: celeriac worker -Q {queue}")
        note(text.format(queue=clean(job.queue)))


def answer(result: Any, options: argparse.Namespace) -> int:
    """Wait for a result and print it."""
    try:
        value = result.get(timeout=options.timeout, propagate=False)
    except TimeoutError as error:
        return complain(error, exits.TIMED_OUT)
    except CeleriacError as error:
        return complain(error, exits.FAILED)
    failed = isinstance(value, BaseException)
    if options.json:
        shown = f"{type(value).__name__}: {value}" if failed else value
        show_json({"id": result.id, "state": result.state, "result": shown})
    elif failed:
        note(clean_lines(str(result.traceback or f"{type(value).__name__}: {value}")))
    else:
        say(clean_lines(value) if isinstance(value, str) else clean(repr(value)))
    return exits.FAILED if failed else exits.OK
