"""The table that shows a visit while it happens."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from celeriac.demo.visit import Step

COLOURS = {"SUCCESS": "green", "FAILURE": "red", "REVOKED": "red", "RETRY": "yellow", "STARTED": "cyan"}
WIDTH = 12  # of a progress bar, in characters


class Board:
    """Draws the steps anew each time it is asked; the seconds of open steps go on counting."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's hook."""
        yield table(self.steps)


def table(steps: Iterable[Step]) -> Table:
    """Return the steps as a table."""
    drawn = Table(box=box.ROUNDED, border_style="dim", show_lines=True, expand=True)
    drawn.add_column("The visitor, the site", no_wrap=True)
    drawn.add_column("The job", no_wrap=True)
    drawn.add_column("What came of it", ratio=1)
    drawn.add_column("Seconds", justify="right", no_wrap=True)
    for step in steps:
        drawn.add_row(action(step), states(step), outcome(step), seconds(step))
    return drawn


def action(step: Step) -> Text:
    """Return what the visitor did and, below, what the site said to it."""
    return Text.assemble(step.title, "\n", (step.happened, "dim"))


def states(step: Step) -> Text:
    """Return the states seen, one below the other, in their order and colours."""
    names = [Text(name, style=COLOURS.get(name, "")) for name in step.states]
    return Text("\n").join(names) if names else Text("-", style="dim")


def outcome(step: Step) -> Text:
    """Return what came of the step, with a bar while its job counts and with what went wrong before it went well."""
    if step.succeeded and step.trouble:
        return Text.assemble(step.detail, "\n", (f"at first: {step.trouble}", "yellow"))
    if step.finished or not step.total:
        return Text(step.detail)
    full = WIDTH * step.done // step.total
    bar = Text.assemble(("\u2501" * full, "green"), ("\u2501" * (WIDTH - full), "dim"))
    return Text(" ").join([bar, Text(f"{step.done}/{step.total} {step.detail}")])


def seconds(step: Step) -> str:
    """Return how long the step took, or takes so far."""
    return f"{time.monotonic() - step.began if step.seconds is None else step.seconds:.2f}"
