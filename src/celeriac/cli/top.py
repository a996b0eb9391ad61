"""``celeriac top``: the screen of ``celeriac status``, again and again, with what runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celeriac.cli import exits
from celeriac.cli.durations import duration, span
from celeriac.cli.numbers import positive
from celeriac.cli.opening import answering, project_options
from celeriac.cli.status import Section, as_json, head, sections
from celeriac.cli.tables import clean, plain_table, rich_table, say, show_json, terminal
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.overview import Overview

MOST = 10
"""Running jobs that are shown."""
CLEAR = "\x1b[H\x1b[2J"


def top_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)
    parser.add_argument("--interval", type=duration, default=1.0, metavar="SPAN", help=_("time between two looks (1s)"))
    parser.add_argument(
        "--count", type=positive, metavar="N", help=_("end after N looks (without a terminal: 1; otherwise Ctrl-C ends it)")
    )


@answering
def run_top(app: Celery, options: argparse.Namespace) -> int:
    """Show the screen until told to stop."""
    from celeriac.overview import look

    left = options.count or (None if sys.stdout.isatty() else 1)
    interval = max(0.1, options.interval)
    earlier = app.broker().snapshot()
    with _screen(options.json) as show:
        while left is None or left > 0:
            time.sleep(interval)
            overview, earlier = look(app, earlier)
            show(overview)
            left = None if left is None else left - 1
    return exits.OK


@contextmanager
def _screen(as_objects: bool) -> Iterator[Callable[[Overview], None]]:
    """Yield what shows an overview: in place of the one before on a terminal, below it elsewhere."""
    console = terminal()
    if as_objects:
        yield lambda overview: show_json(as_json(overview))
    elif console is not None:
        from rich.live import Live  # an extra

        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda overview: live.update(_rich(overview), refresh=True)
    else:
        clear = CLEAR if sys.stdout.isatty() else ""
        yield lambda overview: say(clear + _plain(overview))


def _rich(overview: Overview) -> Any:
    from rich.console import Group  # an extra
    from rich.text import Text

    tables = [
        rich_table(columns, [[clean(cell) for cell in row] for row in rows], title) for title, columns, rows in _all(overview)
    ]
    return Group(Text("\n".join(head(overview))), *tables)


def _plain(overview: Overview) -> str:
    tables = [
        plain_table(columns, [[clean(cell) for cell in row] for row in rows], title) for title, columns, rows in _all(overview)
    ]
    return "\n\n".join(["\n".join(head(overview)), *tables])


def _all(overview: Overview) -> list[Section]:
    names = {worker.id: worker.name for worker in overview.workers}
    running = [
        (
            span(overview.time - job.started) if job.started else "-",
            job.task,
            job.queue,
            names.get(job.worker or "", "-"),
            job.id,
        )
        for job in overview.running[:MOST]
    ]
    return [*sections(overview), (_("running"), ("for", "task", "queue", "worker", "id"), list(running))]
