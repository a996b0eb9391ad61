"""``celeriac queues``: what is in them; ``pause``, ``resume`` and ``purge``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from celeriac.cli import exits
from celeriac.cli.asking import NotAsked, agreed, yes_option
from celeriac.cli.durations import iso
from celeriac.cli.opening import answering, complain, project_options
from celeriac.cli.status import QUEUE_COLUMNS, queue_rows
from celeriac.cli.tables import clean, say, show_json, show_table
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery


def queues_options(parser: argparse.ArgumentParser) -> None:
    """Add the steps and their options; without a step, the queues are listed."""
    project_options(parser)
    steps = parser.add_subparsers(dest="step", metavar="STEP")
    steps.add_parser("list", help=_("show the queues, what is in them and since when"))
    pause = steps.add_parser("pause", help=_("stop handing out jobs of these queues; what runs goes on"))
    resume = steps.add_parser("resume", help=_("hand them out again"))
    purge = steps.add_parser("purge", help=_("cancel everything that waits or is scheduled in these queues"))
    yes_option(purge)
    for step in (pause, resume, purge):
        step.add_argument("queues", nargs="+", metavar="QUEUE")


@answering
def run_queues(app: Celery, options: argparse.Namespace) -> int:
    """Carry out one step."""
    if options.step in (None, "list"):
        return _list(app, options)
    if options.step == "purge":
        return purge_queues(app, options.queues, options.yes)
    change = app.control.pause if options.step == "pause" else app.control.resume
    changed = change(*options.queues)
    text = _("Queues paused: {n} of {all}.") if options.step == "pause" else _("Queues resumed: {n} of {all}.")
    say(text.format(n=changed, all=len(options.queues)))
    return exits.OK


def _list(app: Celery, options: argparse.Namespace) -> int:
    """Show the queues that have something, and those that the project declares."""
    from celeriac.engine.brokers.base import QueueInfo
    from celeriac.overview import look
    from celeriac.queues import declared_queues

    overview, _snapshot = look(app)
    known = {queue.name for queue in overview.queues}
    overview.queues += [QueueInfo(name=name) for name in sorted(set(declared_queues(app)) - known)]
    if options.json:
        show_json([
            {**msgspec.to_builtins(queue), "oldest": iso(queue.oldest), "served": queue.name not in overview.unserved}
            for queue in overview.queues
        ])  # fmt: skip
    else:
        show_table(QUEUE_COLUMNS, queue_rows(overview))
    return exits.OK


def purge_queues(app: Celery, queues: list[str], yes: bool) -> int:
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
    if purged:
        say(_("Purged {n} messages from {queues} known task queues.").format(n=purged, queues=len(queues)))
    else:
        say(_("No messages purged from {queues} queues").format(queues=len(queues)))
    return exits.OK
