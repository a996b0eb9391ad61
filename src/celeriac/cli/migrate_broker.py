"""``celeriac migrate-broker FROM TO``: take what waits in one broker to another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from celeriac.engine.errors import CeleriacError
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.moving import Move

EXIT_FAILED = 1


def migrate_broker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("-A", "--app", metavar="PROJECT", dest="app_after", help=argparse.SUPPRESS)
    parser.add_argument("source", metavar="FROM", help=_("the broker's URL, as in CELERY_BROKER_URL: django://default"))
    parser.add_argument("target", metavar="TO", help=_("the other's: redis://localhost/0"))


def run_migrate_broker(options: argparse.Namespace) -> int:
    """Move, saying what was there before and after. Returns the exit status."""
    try:
        return _run(options)
    except CeleriacError as error:
        _say(str(error))
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    from celeriac.cli.project import find_app, set_up_django  # loads Django
    from celeriac.current import current_app
    from celeriac.moving import Move
    from celeriac.queues import declared_queues

    if options.app:
        find_app(options.app)
    set_up_django()
    queues = declared_queues(current_app())
    with _progress() as (begin, advance):
        move = Move(options.source, options.target, advance, queues)
        try:
            return _move(move, begin)
        finally:
            move.close()


def _move(move: Move, begin: Callable[[int], None]) -> int:
    from celeriac.moving import total

    move.open()
    before = (total(move.source), total(move.target))
    begin(before[0])
    moved = move.run()
    after = (total(move.source), total(move.target))
    _say(_("before  from {source}, to {target}").format(source=before[0], target=before[1]))
    _say(_("moved   {moved}").format(moved=moved))
    _say(_("after   from {source}, to {target}").format(source=after[0], target=after[1]))
    if not move.target.capabilities.inspect:
        _say(
            _("What is on its way there is counted by the message, which may have up to 100 jobs: {moved} were moved.").format(
                moved=moved
            )
        )
    left = move.left()
    if left:
        _say(_("{left} jobs are still held by a worker that was killed. Run this again in 15 s.").format(left=left))
    return EXIT_FAILED if left else 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _progress() -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Yield what is called with the number of jobs there are, and with each number that was moved: a bar where rich is."""
    try:
        from rich.console import Console  # an extra
        from rich.progress import Progress
    except ImportError:
        yield (lambda total: None), (lambda moved: None)
        return
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(_("moving"), total=None)
        yield (lambda total: progress.update(bar, total=total)), (lambda moved: progress.advance(bar, moved))
