"""``python -m tests.chaos.master``: a worker of the harness. Writes ``ready`` into the ledger when it may be used."""

from __future__ import annotations

import logging
import os
import sys

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.master.master import Master
from celeriac.engine.options import WorkerOptions
from tests.chaos.project import Order, template_command


def run(order: Order) -> int:
    """Be a worker until told to stop."""
    ledger = order.ledger
    ledger.write("process", "master", os.getpid())
    logging.basicConfig(level=order.loglevel, format="%(asctime)s %(levelname)s %(process)d %(name)s %(message)s")

    def announce(options: WorkerOptions, info: WorkerInfo) -> None:
        ledger.write("process", "ready", os.getpid())

    if order.options.get("pool") == "solo":
        return _run_solo(announce)
    return Master(template_command(), announce).run()


def _run_solo(announce: object) -> int:
    from celeriac.engine.worker.solo import run_solo  # the one pool that imports the project here
    from tests.chaos.project import load

    return run_solo(load(), announce, "test")  # type: ignore[arg-type]  # a project of plain tasks


if __name__ == "__main__":
    sys.exit(run(Order.from_environment()))
