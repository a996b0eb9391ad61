"""A broker whose results are elsewhere keeps the promises of the suites, on every mixture of real engines.

The jobs of most suites move the moment they have ended; those of the waiting ones are moved by the mover's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test.utils import override_settings

from celeriac.engine.brokers.mixed import MixedBroker
from celeriac.engine.job import State
from celeriac.testing.conformance import (
    BrokerSuite,
    ControlSuite,
    FencingSuite,
    LeaderSuite,
    NotifierSuite,
    RateSuite,
    RescueSuite,
)
from celeriac.testing.conformance.attempts import AttemptSuite
from celeriac.testing.conformance.forget import ForgetSuite
from celeriac.testing.conformance.record import RecordSuite
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome, claim_one, ended_job, ids, known, state_of
from celeriac.testing.conformance.search import SearchSuite
from celeriac.testing.conformance.snapshot import SnapshotSuite
from celeriac.testing.conformance.wait import WaitSuite
from tests.conformance.mixtures import Mixture, Restless, mixture

STORES = ["valkey+sqlite", "sqlite+valkey", "valkey+valkey-1", pytest.param("sqlite+postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def file_cache(tmp_path: Path) -> Iterator[None]:
    """A cache that all processes of a host share."""
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    default = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    with override_settings(CACHES={"default": default, "results": {"BACKEND": backend, "LOCATION": tmp_path / "cache"}}):
        yield


@pytest.fixture(params=STORES)
def mixed(request: pytest.FixtureRequest) -> Mixture:
    found = mixture(request.param, request)
    found.empty()
    return found


class OnRestless:
    """Jobs move as soon as they have ended."""

    @pytest.fixture
    def broker(self, mixed: Mixture) -> Iterator[MixedBroker]:
        broker = mixed.make(Restless)
        yield broker
        broker.close()

    @pytest.fixture
    def make_broker(self, mixed: Mixture) -> Callable[[], MixedBroker]:
        return lambda: mixed.make(Restless)


class OnThread:
    """Jobs are moved by the mover's own thread."""

    @pytest.fixture
    def broker(self, mixed: Mixture) -> Iterator[MixedBroker]:
        broker, mover = mixed.make(), mixed.mover()
        mover.start()
        yield broker
        mover.stop()
        broker.close()

    @pytest.fixture
    def make_broker(self, mixed: Mixture) -> Callable[[], MixedBroker]:
        return mixed.make


class OnBroker:
    """Nothing moves: no job of these suites ends, or its place in the order matters."""

    @pytest.fixture
    def broker(self, mixed: Mixture) -> Iterator[MixedBroker]:
        broker = mixed.make()
        yield broker
        broker.close()

    @pytest.fixture
    def make_broker(self, mixed: Mixture) -> Callable[[], MixedBroker]:
        return mixed.make


one_mixture = pytest.mark.parametrize("mixed", ["valkey+sqlite"], indirect=True)


class TestRecord(OnRestless, RecordSuite):
    pass


class TestAttempts(OnRestless, AttemptSuite):
    pass


class TestForget(OnRestless, ForgetSuite):
    pass


class TestSearch(OnBroker, SearchSuite):
    pass


class TestSnapshot(OnRestless, SnapshotSuite):
    pass


class TestWait(OnThread, WaitSuite):
    pass


@pytest.mark.parametrize("mixed", ["valkey+cache"], indirect=True)
class TestRecordInCache(OnRestless, RecordSuite, AttemptSuite):
    pass


@pytest.mark.parametrize("mixed", ["valkey+cache"], indirect=True)
class TestWaitForCache(OnThread, WaitSuite):
    pass


@one_mixture
class TestBroker(OnRestless, BrokerSuite):
    def test_a_repeated_push_does_not_run_an_ended_job_again(self, broker: MixedBroker) -> None:
        """By nature it does once the job has moved: who sends again, as the outbox does, looks at the results first."""
        job = ended_job(broker)
        assert broker.get(job.id) == broker.results.get(job.id)
        broker.push([a_job(job.id)])
        again = claim_one(broker, a_child(broker))
        assert state_of(broker, job) is State.RUNNING
        broker.settle([an_outcome(again, result=b"2")])
        assert known(broker, job.id).result == b"2"
        assert ids(broker.find({}, 5)) == [job.id]


@one_mixture
class TestFencing(OnRestless, FencingSuite):
    pass


@one_mixture
class TestRescue(OnRestless, RescueSuite):
    pass


@one_mixture
class TestControl(OnRestless, ControlSuite):
    pass


@one_mixture
class TestRates(OnRestless, RateSuite):
    pass


@one_mixture
class TestNotifier(OnBroker, NotifierSuite):
    pass


@one_mixture
class TestLeader(OnBroker, LeaderSuite):
    pass
