"""``celeriac doctor``: what is wrong, and what mends it; then the periodic tasks in words."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from celeriac.cli import exits
from celeriac.cli.durations import iso, moment
from celeriac.cli.opening import answering, project_options
from celeriac.cli.tables import STYLES, clean, clean_lines, say, show_json, show_table, terminal
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.doctor import Finding


def doctor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)


@answering
def run_doctor(app: Celery, options: argparse.Namespace) -> int:
    """Examine, and print. The status is 1 where there is an error or a warning."""
    from celeriac.doctor import CHECKS, Gravity, entries, examine

    found, schedules = examine(app), entries(app)
    if options.json:
        periodic = [{**msgspec.to_builtins(entry), "next": [iso(time) for time in entry.next]} for entry in schedules.entries]
        show_json({"findings": found, "schedules": periodic})
    else:
        for finding in found:
            show(finding)
        if schedules.entries:
            rows = [(entry.name, entry.task, entry.when, _next(entry.enabled, entry.next)) for entry in schedules.entries]
            show_table(("periodic task", "task", "when", "next runs (UTC)"), rows)
            say(_("And {n} more.").format(n=schedules.more) if schedules.more else "")
        say(counted(len(CHECKS), len(found)))
    return exits.FAILED if any(finding.gravity is not Gravity.ADVICE for finding in found) else exits.OK


def counted(checks: int, findings: int) -> str:
    """Return how many of both there are, in words."""
    text = _("{checks} checks, 1 finding.") if findings == 1 else _("{checks} checks, {findings} findings.")
    return text.format(checks=checks, findings=findings)


def _next(enabled: bool, times: list[float]) -> str:
    return ", ".join(map(moment, times)) if enabled else _("disabled")


def show(finding: Finding) -> None:
    """Print a finding: how bad it is, what it is, and what mends it."""
    head, fix = f"{finding.gravity.value:<8}", clean_lines(finding.fix).replace("\n", "\n        ")
    text = f"{clean(finding.about)}: {clean_lines(finding.text)}\n        {fix}\n"
    console = terminal()
    if console is None:
        say(f"{head}{text}")
        return
    from rich.text import Text  # an extra

    console.print(Text(head, style=STYLES[finding.gravity.value]).append(text, style="default"))
