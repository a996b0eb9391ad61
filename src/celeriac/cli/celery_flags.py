"""Flags of Celery's worker that have nothing to set here: accepted, and explained where one would wait for their effect."""

from __future__ import annotations

import argparse
import sys

from celeriac.engine.translation import gettext as _

_SWITCHES = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-E/--task-events", "--disable-prefetch")
_OPTIONS = (
    "-O", "--prefetch-multiplier", "--heartbeat-interval", "-S/--statedb", "--scheduler", "-s/--schedule-filename",
    "--pool-start-method",
)  # fmt: skip


def most(text: str) -> int:
    """Return the larger number of ``--autoscale 10,3``."""
    return max(int(part) for part in text.split(","))


def add_celery_flags(parser: argparse.ArgumentParser) -> None:
    """Accept them, unseen by ``--help``."""
    for flag in _SWITCHES:
        parser.add_argument(*flag.split("/"), action="store_true", help=argparse.SUPPRESS)
    for option in _OPTIONS:
        parser.add_argument(*option.split("/"), help=argparse.SUPPRESS)
    parser.add_argument("-B", "--beat", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--autoscale", type=most, metavar="MAX,MIN", help=argparse.SUPPRESS)


def explain_celery_flags(options: argparse.Namespace) -> None:
    """Say in a line each what ``--beat`` and ``--autoscale`` do not change, and take the most of the latter for ``-c``."""
    if options.beat:
        sys.stderr.write(_("--beat: every worker fires what is due of the periodic tasks, with and without it.") + "\n")
    if options.autoscale:
        options.concurrency = options.concurrency or options.autoscale
        text = _("--autoscale: the number of slots does not change while a worker runs; there are {n}, as with -c {n}.")
        sys.stderr.write(text.format(n=options.concurrency) + "\n")
