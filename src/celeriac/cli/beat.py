"""``celeriac beat``: what there is instead of Celery's beat in a version without schedules."""

from __future__ import annotations

import argparse
import sys

from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

EXIT_NOTHING_TO_RUN = 1

NO_BEAT = gettext_noop(
    "Schedules do not run in this version of Celeriac, so there is no beat: take it out of what starts your processes, and"
    " until they do, let cron or a systemd timer call the .delay() of each task in CELERY_BEAT_SCHEDULE.\n"
)


def beat_options(parser: argparse.ArgumentParser) -> None:
    """Accept the options of Celery's beat: the answer is the same with and without them."""
    parser.add_argument("-A", "--app", help=argparse.SUPPRESS, dest="app_after")
    for option in ("-l/--loglevel", "-f/--logfile", "-S/--scheduler", "-s/--schedule", "--max-interval", "--pidfile"):
        parser.add_argument(*option.split("/"), help=argparse.SUPPRESS)


def run_beat(options: argparse.Namespace) -> int:
    """Say why there is nothing to run. Returns a failure, so that nobody takes it for a beat that runs."""
    sys.stderr.write(_(NO_BEAT))
    return EXIT_NOTHING_TO_RUN
