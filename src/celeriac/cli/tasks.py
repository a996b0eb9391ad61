"""``celeriac tasks``: what this project can run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from celeriac.cli import exits
from celeriac.cli.opening import answering, project_options
from celeriac.cli.tables import show_json, show_table
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

COLUMNS = ("task", "queue", "retries", "soft limit", "hard limit", "rate", "options")
OPTIONS = ("transactional", "ignore_result", "encrypt", "bind")


def tasks_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)
    parser.add_argument("pattern", nargs="?", default="", metavar="TEXT", help=_("only tasks whose names contain this"))


@answering
def run_tasks(app: Celery, options: argparse.Namespace) -> int:
    """List the tasks by name."""
    tasks = [task for name, task in sorted(app.tasks.items()) if not name.startswith("celery.") and options.pattern in name]
    if options.json:
        show_json([_as_json(app, task) for task in tasks])
    else:
        show_table(COLUMNS, [_row(app, task) for task in tasks])
    return exits.OK


def queue_of(app: Celery, task: Any) -> str:
    """Return the queue that a plain call of a task goes to; a question mark where a function decides that at the call."""
    plan = app.plan(task.name, task)
    return "?" if plan.dynamic else str(plan.queue)


def _row(app: Celery, task: Any) -> tuple[Any, ...]:
    about = _as_json(app, task)
    retries = about["max_retries"]
    return (
        task.name, about["queue"], _("for ever") if retries is None else retries, _seconds(about["soft_time_limit"]),
        _seconds(about["time_limit"]), about["rate_limit"] or "-", ", ".join(_said(task)) or "-",
    )  # fmt: skip


def _seconds(limit: float | None) -> str:
    return "-" if limit is None else f"{limit:g} s"


def _said(task: Any) -> Iterator[str]:
    yield from (name for name in OPTIONS if getattr(task, name, None))
    if getattr(task, "schedule", None) is not None:
        yield "schedule"


def _as_json(app: Celery, task: Any) -> dict[str, Any]:
    return {
        "name": task.name,
        "queue": queue_of(app, task),
        "max_retries": getattr(task, "max_retries", 0),
        "time_limit": getattr(task, "time_limit", None),
        "soft_time_limit": getattr(task, "soft_time_limit", None),
        "rate_limit": getattr(task, "rate_limit", None),
        "options": list(_said(task)),
    }
