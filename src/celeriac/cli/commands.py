"""Every command and what runs it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from celeriac.cli.as_celery import run_install_as_celery
from celeriac.cli.beat import run_beat
from celeriac.cli.celery_calls import run_call, run_purge, run_report, run_result
from celeriac.cli.completion import run_completion
from celeriac.cli.demo import run_demo
from celeriac.cli.doctor import run_doctor
from celeriac.cli.health import run_health
from celeriac.cli.import_beat import run_import_beat
from celeriac.cli.inspecting import run_control, run_inspect
from celeriac.cli.jobs import run_jobs
from celeriac.cli.migrate import run_migrate
from celeriac.cli.migrate_broker import run_migrate_broker
from celeriac.cli.prune import run_prune
from celeriac.cli.queues import run_queues
from celeriac.cli.run import run_run
from celeriac.cli.status import run_status
from celeriac.cli.tasks import run_tasks
from celeriac.cli.top import run_top
from celeriac.cli.up import run_up
from celeriac.cli.worker import run_worker
from celeriac.cli.workers import run_workers

COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "worker": run_worker,
    "up": run_up,
    "beat": run_beat,
    "status": run_status,
    "top": run_top,
    "jobs": run_jobs,
    "run": run_run,
    "tasks": run_tasks,
    "queues": run_queues,
    "workers": run_workers,
    "doctor": run_doctor,
    "health": run_health,
    "prune": run_prune,
    "completion": run_completion,
    "demo": run_demo,
    "migrate": run_migrate,
    "migrate-broker": run_migrate_broker,
    "import-beat": run_import_beat,
    "install-as-celery": run_install_as_celery,
    "inspect": run_inspect,
    "control": run_control,
    "call": run_call,
    "result": run_result,
    "purge": run_purge,
    "report": run_report,
}
