"""Before a command changes many things: a question. While it does: a bar."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celeriac.engine.translation import gettext as _

Advance = Callable[[int], None]


class NotAsked(Exception):
    """A question cannot be asked, since nobody is there to answer it."""


def yes_option(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the option that answers the question."""
    parser.add_argument("-y", "--yes", *names, dest="yes", action="store_true", help=_("do it without asking"))


def agreed(question: str, yes: bool) -> bool:
    """Ask, and return whether the answer is yes; with ``yes`` it is. Raises ``NotAsked`` where nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise NotAsked(_("{question} Nobody is there to answer: say --yes where it is meant.").format(question=question))
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    return answer in {"y", "yes", "j", "ja", "是", "好"}


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Advance]:
    """Yield what is called with each number of things that are done. A terminal with rich shows a bar."""
    try:
        from rich.console import Console  # an extra
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        yield lambda number: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        bar = bars.add_task(title, total=total)
        yield lambda number: bars.advance(bar, number)
