"""Remembering jobs: records, attempts, searches, counts, waiting, forgetting (invariant 12)."""

from __future__ import annotations

from celeriac.testing.conformance.attempts import AttemptSuite
from celeriac.testing.conformance.forget import ForgetSuite
from celeriac.testing.conformance.record import RecordSuite
from celeriac.testing.conformance.search import SearchSuite
from celeriac.testing.conformance.snapshot import SnapshotSuite
from celeriac.testing.conformance.wait import WaitSuite


class StoreSuite(RecordSuite, AttemptSuite, SearchSuite, SnapshotSuite, WaitSuite, ForgetSuite):
    """What the dashboard, the admin and ``result.get()`` read."""
