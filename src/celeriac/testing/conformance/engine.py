"""All that an engine must do to be used as a broker."""

from __future__ import annotations

from celeriac.testing.conformance.broker import BrokerSuite
from celeriac.testing.conformance.control import ControlSuite
from celeriac.testing.conformance.fencing import FencingSuite
from celeriac.testing.conformance.leader import LeaderSuite
from celeriac.testing.conformance.notifier import NotifierSuite
from celeriac.testing.conformance.rates import RateSuite
from celeriac.testing.conformance.rescue import RescueSuite
from celeriac.testing.conformance.store import StoreSuite


class EngineSuite(BrokerSuite, FencingSuite, RescueSuite, StoreSuite, ControlSuite, NotifierSuite, RateSuite, LeaderSuite):
    """Every suite that no engine may leave out."""
