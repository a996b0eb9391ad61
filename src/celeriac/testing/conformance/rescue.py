"""What becomes of the jobs of the dead, the leaving and the slow (invariants 1, 6 and 8)."""

from __future__ import annotations

from celeriac.testing.conformance.atmostonce import AtMostOnceSuite
from celeriac.testing.conformance.deaths import ChildRescueSuite
from celeriac.testing.conformance.handback import HandBackSuite
from celeriac.testing.conformance.leases import LeaseSuite
from celeriac.testing.conformance.verdicts import ConsequencesSuite, VerdictSuite


class RescueSuite(ChildRescueSuite, AtMostOnceSuite, VerdictSuite, ConsequencesSuite, LeaseSuite, HandBackSuite):
    """Deaths, leases, hand-backs."""
