"""``celeriac beat``: a keeper without a worker, which fires what is due of the periodic tasks.

It is one process, so ``manage.py celery beat`` runs it where it is. Nobody needs it: every worker fires them too.
"""

from __future__ import annotations

import argparse
import os
import sys

from celeriac import __version__
from celeriac.cli import pidfile, processgroup
from celeriac.cli.worker import Flags, flags_of
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.errors import CeleriacError
from celeriac.engine.options import WorkerOptions
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import take_language_from

EXIT_FAILED = 1
_OF_CELERY = {"scheduler": "-S/--scheduler", "schedule": "-s/--schedule", "max_interval": "--max-interval"}


def beat_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of Celery's beat."""
    parser.add_argument("-A", "--app", help=argparse.SUPPRESS, dest="app_after")
    parser.add_argument(
        "-l", "--loglevel", default="WARNING", type=str.upper, metavar="LEVEL", help=_("debug, info, warning, error (warning)")
    )
    parser.add_argument(
        "-f", "--logfile", metavar="FILE", help=_("write the log to this file; %%n is the worker's name, %%h its host")
    )
    parser.add_argument(
        "--pidfile", metavar="FILE", help=_('keep the pid in this file, with %%n and %%h as above; "" for none')
    )
    parser.add_argument("-n", "--hostname", metavar="NAME", default="beat@%h", help=argparse.SUPPRESS)
    for name, option in _OF_CELERY.items():
        parser.add_argument(*option.split("/"), dest=name, help=argparse.SUPPRESS)
    parser.add_argument("--enable-remote-control", action="store_true", help=argparse.SUPPRESS)


def run_beat(options: argparse.Namespace) -> int:
    """Fire what is due until told to stop. Returns the exit status."""
    for name, option in _OF_CELERY.items():
        if getattr(options, name) is not None:
            text = _("{option}: the schedule is a table of the project's database, and what is due is fired at its time.")
            sys.stderr.write(text.format(option=option) + "\n")
    flags = flags_of(options)
    processgroup.end_on_interrupt()
    try:
        with pidfile.holding(flags.pid_file):
            return _run(flags)
    except CeleriacError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED


def _run(flags: Flags) -> int:
    from celeriac.beat.service import run_service  # imports the project into this process

    return run_service(flags, _announce)


def _announce(options: WorkerOptions, info: WorkerInfo) -> None:
    """Print what is done here, and how to stop it."""
    take_language_from(lambda: options.language)
    lines = [
        f"celeriac {__version__}  beat {info.name}  pid {os.getpid()}",
        *options.summary[:6],
        *options.schedule,
        _("  does    fires what is due of the periodic tasks; workers run their jobs"),
        _("  stop    Ctrl-C"),
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201 - meant for the person who started it
