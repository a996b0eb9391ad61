"""``celeriac queues``: what is in them; ``pause``, ``resume`` and ``purge``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from celeriac.cli import exits
from celeriac.cli.asking import NotAsked, agreed, yes_option
from celeriac.cli.durations import iso
from celeriac.cli.opening import answering, complain, project_options, step_options
from celeriac.cli.status import QUEUE_COLUMNS, queue_rows
from celeriac.cli.tables import clean, note, say, show_json, show_table
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery


def queues_options(parser: argparse.ArgumentParser) -> None:
    """Add the steps and their options; without a step, the queues are listed."""
    project_options(parser)
    steps = parser.add_subparsers(dest="step", metavar="STEP")
    listing = steps.add_parser("list", help=_("show the queues, what is in them and since when"))
    pause = steps.add_parser("pause", help=_("stop handing out jobs of these queues; what runs goes on"))
    resume = steps.add_parser("resume", help=_("hand them out again"))
    purge = steps.add_parser("purge", help=_("cancel everything that waits or is scheduled in these queues"))
    yes_option(purge)
    for step in (pause, resume, purge):
        step.add_argument("queues", nargs="+", metavar="QUEUE")
    for step in (listing, pause, resume, purge):
        step_options(step)


@answering
def run_queues(app: Celery, options: argparse.Namespace) -> int:
    """Carry out one step."""
    if options.step in (None, "list"):
        return _list(app, options)
    ask_whether_meant(app, options.queues)
    if options.step == "purge":
        return purge_queues(app, options.queues, options.yes, options.json)
    change = app.control.pause if options.step == "pause" else app.control.resume
    changed = change(*options.queues)
    text = _("Queues paused: {n} of {all}.") if options.step == "pause" else _("Queues resumed: {n} of {all}.")
    if options.json:
        show_json({"changed": changed})
    else:
        say(text.format(n=changed, all=len(options.queues)))
    return exits.OK


def ask_whether_meant(app: Celery, queues: list[str]) -> None:
    """Say of which queues nobody has heard. They may be used later, so what was asked for is done all the same."""
    from celeriac.overview import served_queues
    from celeriac.queues import declared_queues

    broker = app.broker()
    used = {queue.name for queue in broker.snapshot().queues}
    known = used.union(declared_queues(app), served_queues(broker.workers()))
    for queue in queues:
        if queue not in known:
            text = _("No job is in the queue {queue!r}, and no task, setting or worker names it.{hint}")
            note(text.format(queue=clean(queue), hint=did_you_mean(queue, known)))


def _list(app: Celery, options: argparse.Namespace) -> int:
    """Show the queues that have something, and those that the project declares."""
    from celeriac.engine.brokers.base import QueueInfo
    from celeriac.overview import look, served_queues
    from celeriac.queues import declared_queues

    overview, _snapshot = look(app)
    known = {queue.name for queue in overview.queues}
    overview.queues += [QueueInfo(name=name) for name in sorted(set(declared_queues(app)) - known)]
    if options.json:
        served = served_queues(overview.workers)
        show_json([
            {**msgspec.to_builtins(queue), "oldest": iso(queue.oldest), "served": queue.name in served}
            for queue in overview.queues
        ])  # fmt: skip
    else:
        show_table(QUEUE_COLUMNS, queue_rows(overview))
    return exits.OK


def purge_queues(app: Celery, queues: list[str], yes: bool, as_json: bool = False) -> int:
    """Ask, and cancel what waits."""
    found = [queue for queue in app.broker().snapshot().queues if queue.name in queues]
    number = sum(queue.waiting + queue.scheduled for queue in found)
    names = clean(", ".join(queues))
    question = _("Jobs to cancel in {queues}: {n}. Go on?").format(n=number, queues=names)
    try:
        if number and not agreed(question, yes):
            return complain(_("Nothing was changed."), exits.FAILED)
    except NotAsked as error:
        return complain(error, exits.USAGE)
    purged = app.control.purge(*queues)
    if as_json:
        show_json({"purged": purged})
    elif purged:
        say(_("Purged {n} messages from {queues} known task queues.").format(n=purged, queues=len(queues)))
    else:
        say(_("No messages purged from {queues} queues").format(queues=len(queues)))
    return exits.OK
