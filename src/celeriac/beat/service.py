"""The process of ``celeriac beat``."""

from __future__ import annotations

from collections.abc import Callable

from celeriac import __version__, signals
from celeriac.cli.worker import Flags
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.lonely import run_lonely
from celeriac.worker import DjangoProject, load_project


class Service:
    """What stands for it in the signal ``beat_init``, as its sender."""

    def __init__(self, project: DjangoProject) -> None:
        self.app = project.app


def run_service(flags: Flags, announce: Callable[[WorkerOptions, WorkerInfo], None]) -> int:
    """Import the project here and keep it. Returns the exit status. Raises ``CeleriacError``."""
    project = load_project(flags)
    signals.beat_init.send(sender=Service(project))
    return run_lonely(project, announce, __version__)
