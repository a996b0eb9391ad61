"""Answers on standard output: a table for a terminal, plain columns for a pipe, JSON for a program.

A terminal gets colours and lines where rich is installed; NO_COLOR takes the colours away. What comes from a job is shown with
its control characters as backslash escapes, so that no task name can write to a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

STYLES = {
    "succeeded": "green", "failed": "red", "error": "bold red", "warning": "yellow", "paused": "yellow", "parked": "magenta",
    "cancelled": "dim", "expired": "dim", "running": "cyan", "OK": "green", "advice": "cyan",
}  # fmt: skip
"""What a cell of exactly this text is shown in."""


def clean(value: Any) -> str:
    """Return what may be printed: text without control characters."""
    text = "-" if value is None else str(value)
    return text if text.isprintable() else "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def clean_lines(text: str) -> str:
    """Return several lines, such as a traceback, each as it may be printed."""
    return "\n".join(clean(line.expandtabs(4)) for line in text.splitlines())


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode()


def say(text: str = "") -> None:
    """Print lines as they are."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Print what is not part of the answer, for the person who asked."""
    sys.stderr.write(f"{text}\n")


def show_json(value: Any) -> None:
    """Print one JSON value."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def terminal() -> Any:
    """Return rich's console where standard output is a terminal and rich is installed; None otherwise."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console  # an extra
    except ImportError:
        return None
    return Console(highlight=False)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table."""
    cells = [[clean(value) for value in row] for row in rows]
    console = terminal()
    if console is None:
        say(plain_table(columns, cells, title))
    else:
        console.print(rich_table(columns, cells, title))


def plain_table(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str = "") -> str:
    """Return a table as text: columns beside each other, two blanks apart."""
    lines = [list(columns), *map(list, cells)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    text = ["  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"{title}:", *text] if title else text)


def rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str = "") -> Any:
    """Return the same as rich draws it."""
    from rich import box  # an extra
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in line))
    return table
