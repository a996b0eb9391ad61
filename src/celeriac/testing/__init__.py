"""For tests: what was enqueued, and ways to run it. Also what broker authors test with: clocks, conformance suites, servers.

``override(mode=...)`` decides what becomes of the jobs that a test enqueues: ``"record"`` keeps them until ``drain()`` runs
them, ``"eager"`` runs each at its call, ``"worker"`` runs them in a worker of this process. ``celeriac.testing.pytest`` has the
same as fixtures. Nothing here is imported by a running worker.
"""

from __future__ import annotations

from celeriac.testing.draining import drain
from celeriac.testing.enqueued import Enqueued, assert_enqueued, assert_not_enqueued, enqueued
from celeriac.testing.outcomes import Outcome
from celeriac.testing.override import override
from celeriac.testing.worker import start_worker

__all__ = [
    "Enqueued",
    "Outcome",
    "assert_enqueued",
    "assert_not_enqueued",
    "drain",
    "enqueued",
    "override",
    "start_worker",
]
