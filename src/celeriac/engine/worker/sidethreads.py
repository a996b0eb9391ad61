"""The threads beside a worker's keeper: which there are, for the time it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.keeper.ticker import Ticker
from celeriac.engine.sidethread import SideThread
from celeriac.engine.worker.conveying import ConveyorThread
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.relay import Relay
from celeriac.engine.worker.resultmover import ResultMover


@contextmanager
def side_threads(project: Project, worker: WorkerInfo) -> Iterator[None]:
    """Run those that the project needs, for the time of a ``with`` block."""
    with ExitStack() as stack:
        for thread in _needed(project, worker):
            thread.start()
            stack.callback(thread.stop)
        yield


def _needed(project: Project, worker: WorkerInfo) -> Iterator[SideThread]:
    make = getattr(project.connect(), "conveyor", None)  # of a broker that only carries jobs to the store
    if make is not None and worker.queues:
        yield ConveyorThread(make(worker.queues, worker.concurrency, project.results()))
    if (outbox := project.outbox()) is not None:
        yield Relay(project.connect(), worker.id, outbox)
    if (results := project.results()) is not None:
        yield ResultMover(project.connect(), results, worker.id, project.options.keep)
    if (agenda := project.agenda()) is not None:
        yield Ticker(agenda)
