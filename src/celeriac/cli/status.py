"""``celeriac status``: one screen. It begins as Celery's does: a line for each worker, and how many there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.cli import exits
from celeriac.cli.durations import duration, iso, span
from celeriac.cli.opening import answering, project_options
from celeriac.cli.tables import clean, note, say, show_json, show_table
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.overview import Overview

Section = tuple[str, Sequence[str], list[Sequence[Any]]]


def status_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser, "-j/--json")
    parser.add_argument(
        "--over", type=duration, default=1.0, metavar="SPAN", help=_("how long to measure the rates (1s); 0 leaves them out")
    )
    parser.add_argument("-t", "--timeout", help=argparse.SUPPRESS)
    parser.add_argument("-d", "--destination", help=argparse.SUPPRESS)


@answering
def run_status(app: Celery, options: argparse.Namespace) -> int:
    """Print the screen. The status is 69 where no worker runs, as Celery's."""
    from celeriac.overview import look, look_for

    overview = look_for(app, options.over) if options.over else look(app)[0]
    if options.json:
        show_json(as_json(overview))
    else:
        for line in head(overview):
            say(line)
        for title, columns, rows in sections(overview):
            say()
            show_table(columns, rows, title)
    if not overview.workers:
        note(_("No worker is running. Start one: celeriac worker"))
        return exits.UNAVAILABLE
    return exits.OK


def head(overview: Overview) -> list[str]:
    """Return the lines about workers, rates and the oldest job."""
    busy = {worker.id: 0 for worker in overview.workers}
    for job in overview.running:
        if job.worker in busy:
            busy[job.worker] += 1
    lines = [
        _("->  {name}: OK  {pool}, {busy} of {all} busy, up {up}, queues {queues}").format(
            name=clean(worker.name), pool=worker.pool, busy=busy[worker.id], all=worker.concurrency,
            up=span(overview.time - (worker.started or overview.time)), queues=clean(", ".join(worker.queues)) or "-",
        )
        for worker in overview.workers
    ]  # fmt: skip
    online = len(overview.workers)
    lines += ["", _("{n} node online.").format(n=1) if online == 1 else _("{n} nodes online.").format(n=online), ""]
    if overview.came is not None and overview.went is not None:
        lines.append(
            _("rates     {came}/s come, {went}/s end").format(came=f"{overview.came:.4g}", went=f"{overview.went:.4g}")
        )
    lines.append(_("oldest    waits for {span}").format(span=span(overview.oldest)))
    lines.append(_("failures  {n} in the last hour").format(n=overview.failed))
    return lines


def sections(overview: Overview) -> list[Section]:
    """Return the tables: queues, and what failed."""
    found: list[Section] = [(_("queues"), QUEUE_COLUMNS, queue_rows(overview))]
    if overview.failures:
        rows: list[Sequence[Any]] = [
            (group.jobs, group.task, group.error, span(_ago(overview, group.when)), group.last)
            for group in overview.failures[:5]
        ]
        found.append((_("failures of the last hour"), ("jobs", "task", "error", "last", "id"), rows))
    return found


QUEUE_COLUMNS = ("queue", "waiting", "running", "scheduled", "parked", "oldest", "state")


def queue_rows(overview: Overview) -> list[Sequence[Any]]:
    """Return a row for each queue, what is wrong with it last."""
    return [
        (
            queue.name, queue.waiting, queue.running, queue.scheduled, queue.parked,
            span(None if queue.oldest is None else _ago(overview, queue.oldest)),
            "paused" if queue.paused else _("no worker") if queue.name in overview.unserved else "",
        )
        for queue in overview.queues
    ]  # fmt: skip


def _ago(overview: Overview, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, overview.time - moment)


def as_json(overview: Overview) -> dict[str, Any]:
    """Return the overview for programs."""
    return {
        "time": iso(overview.time),
        "workers": [worker_json(worker) for worker in overview.workers],
        "queues": [{**msgspec.to_builtins(queue), "oldest": iso(queue.oldest)} for queue in overview.queues],
        "unserved": overview.unserved,
        "running": len(overview.running),
        "rates": {"came": overview.came, "went": overview.went},
        "oldest": overview.oldest,
        "failed": overview.failed,
        "failures": [{**msgspec.to_builtins(group), "when": iso(group.when)} for group in overview.failures],
    }


def worker_json(worker: Any) -> dict[str, Any]:
    """Return a worker for programs."""
    return {**msgspec.to_builtins(worker), "started": iso(worker.started)}
