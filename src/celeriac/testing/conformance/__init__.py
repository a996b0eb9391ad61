"""What every broker and store must do, as pytest classes to subclass. Public: for the authors of other brokers, too.

A test module of an engine subclasses the suites and provides two fixtures::

    @pytest.fixture
    def broker():         # an opened Broker + Store, as a worker has it, without jobs, workers, leaders or paused queues
        ...

    @pytest.fixture
    def make_broker():    # a callable that returns another opened instance on the same data, with its own connection
        ...

    class TestEngine(EngineSuite):
        pass

    class TestResults(ResultSuite):    # where it can keep the results of jobs of another broker
        pass

``EngineSuite`` is all that none may leave out. What it is made of can be subclassed one by one, while an engine grows.

``make_broker`` is called in the thread that uses what it returns, and the suite closes that in the same thread. Data must
be visible to other connections as soon as a method returns, so a fixture that wraps the test in a transaction does not do.
Everything runs on real clocks: leases run out because a suite asks for negative ones, so no test waits for one. What the
broker's ``capabilities`` say it cannot do is skipped.

``celeriac.testing.conformance.machine`` holds ``MachineSuite``, the same promises driven by Hypothesis.
"""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from celeriac.testing.conformance.broker import BrokerSuite  # noqa: E402 - asserts are rewritten only in what is imported later
from celeriac.testing.conformance.control import ControlSuite  # noqa: E402 - as above
from celeriac.testing.conformance.engine import EngineSuite  # noqa: E402 - as above
from celeriac.testing.conformance.exchange import ExchangeSuite  # noqa: E402 - as above
from celeriac.testing.conformance.fencing import FencingSuite  # noqa: E402 - as above
from celeriac.testing.conformance.leader import LeaderSuite  # noqa: E402 - as above
from celeriac.testing.conformance.notifier import NotifierSuite  # noqa: E402 - as above
from celeriac.testing.conformance.rates import RateSuite  # noqa: E402 - as above
from celeriac.testing.conformance.rescue import RescueSuite  # noqa: E402 - as above
from celeriac.testing.conformance.results import ResultSuite  # noqa: E402 - as above
from celeriac.testing.conformance.scenario import Engine  # noqa: E402 - as above
from celeriac.testing.conformance.store import StoreSuite  # noqa: E402 - as above

__all__ = [
    "BrokerSuite",
    "ControlSuite",
    "Engine",
    "EngineSuite",
    "ExchangeSuite",
    "FencingSuite",
    "LeaderSuite",
    "NotifierSuite",
    "RateSuite",
    "RescueSuite",
    "ResultSuite",
    "StoreSuite",
]
