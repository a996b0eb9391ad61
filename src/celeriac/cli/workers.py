"""``celeriac workers``: who is alive."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from celeriac.cli import exits
from celeriac.cli.durations import moment
from celeriac.cli.opening import answering, project_options
from celeriac.cli.status import worker_json
from celeriac.cli.tables import note, show_json, show_table
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

COLUMNS = ("name", "host", "pid", "pool", "slots", "running", "queues", "since", "version")


def workers_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)


@answering
def run_workers(app: Celery, options: argparse.Namespace) -> int:
    """List the living workers. The status is 69 where there is none."""
    from celeriac.overview import look

    overview, _snapshot = look(app)
    busy = [job.worker for job in overview.running]
    if options.json:
        show_json([{**worker_json(worker), "running": busy.count(worker.id)} for worker in overview.workers])
    elif overview.workers:
        rows = [
            (
                worker.name, worker.host, worker.pid, worker.pool, worker.concurrency, busy.count(worker.id),
                ", ".join(worker.queues), moment(worker.started), worker.version,
            )
            for worker in overview.workers
        ]  # fmt: skip
        show_table(COLUMNS, rows)
    if not overview.workers:
        note(_("No worker is running. Start one: celeriac worker"))
        return exits.UNAVAILABLE
    return exits.OK
