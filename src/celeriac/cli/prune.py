"""``celeriac prune``: delete the records of ended jobs that are past their age, now rather than within a minute by a worker."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from celeriac.cli import exits
from celeriac.cli.asking import NotAsked, agreed, progress, yes_option
from celeriac.cli.durations import duration, span
from celeriac.cli.opening import answering, complain, project_options
from celeriac.cli.tables import say, show_json
from celeriac.engine.job import TERMINAL, State
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

BATCH = 1000


def prune_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)
    parser.add_argument(
        "--older-than", type=duration, metavar="SPAN", help=_("those that ended longer ago; without, what the settings say")
    )
    choices = sorted(state.value for state in TERMINAL)
    parser.add_argument("--state", action="append", choices=choices, help=_("only these (may be repeated)"))
    yes_option(parser)


@answering
def run_prune(app: Celery, options: argparse.Namespace) -> int:
    """Delete in batches, between which others have their turn."""
    ages = _ages(app, options)
    try:
        if options.older_than is not None and not agreed(_question(ages), options.yes):
            return complain(_("Nothing was changed."), exits.FAILED)
    except NotAsked as error:
        return complain(error, exits.USAGE)
    deleted = 0
    with progress("prune", None) as advance:
        while batch := app.broker().prune(ages, BATCH):
            deleted += batch
            advance(batch)
    if options.json:
        show_json({"deleted": deleted})
    else:
        say(_("Jobs deleted: {n}").format(n=deleted))
    return exits.OK


def _ages(app: Celery, options: argparse.Namespace) -> dict[State, float]:
    wanted = [State(name) for name in options.state or sorted(TERMINAL)]
    if options.older_than is not None:
        return dict.fromkeys(wanted, options.older_than)
    return {State(name): age for name, age in app.settings.ages.items() if State(name) in wanted}


def _question(ages: dict[State, float]) -> str:
    states = ", ".join(state.value for state in ages)
    text = _("Delete the records of all jobs that ended ({states}) over {span} ago?")
    return text.format(states=states, span=span(max(ages.values())))
