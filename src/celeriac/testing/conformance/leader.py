"""Electing one keeper for upkeep."""

from __future__ import annotations

import threading

from celeriac.testing.conformance.scenario import LONG, RUN_OUT, Engine, MakeEngine, another, start


class LeaderSuite:
    """One leader a duty, for as long as it says."""

    def test_the_first_leads_and_a_second_does_not(self, broker: Engine, make_broker: MakeEngine) -> None:
        assert broker.leader("upkeep").acquire("one", LONG) is True
        with another(make_broker) as other:
            assert other.leader("upkeep").acquire("two", LONG) is False

    def test_a_leader_stays_leader(self, broker: Engine) -> None:
        leader = broker.leader("upkeep")
        assert [leader.acquire("one", LONG) for _ in range(3)] == [True, True, True]

    def test_a_leader_that_does_not_stay_is_followed_by_another(self, broker: Engine) -> None:
        leader = broker.leader("upkeep")
        assert leader.acquire("one", RUN_OUT) is True
        assert leader.acquire("two", LONG) is True
        assert leader.acquire("one", LONG) is False

    def test_a_leader_may_resign(self, broker: Engine) -> None:
        leader = broker.leader("upkeep")
        leader.acquire("one", LONG)
        leader.release("one")
        assert leader.acquire("two", LONG) is True

    def test_only_the_leader_can_resign(self, broker: Engine) -> None:
        leader = broker.leader("upkeep")
        leader.release("nobody")
        leader.acquire("one", LONG)
        leader.release("two")
        assert leader.acquire("two", LONG) is False

    def test_each_duty_has_a_leader_of_its_own(self, broker: Engine) -> None:
        broker.leader("upkeep").acquire("one", LONG)
        assert broker.leader("ticks").acquire("two", LONG) is True
        broker.leader("ticks").release("two")
        assert broker.leader("upkeep").acquire("two", LONG) is False

    def test_of_several_at_once_one_leads(self, broker: Engine, make_broker: MakeEngine) -> None:
        gate = threading.Barrier(4)

        def stand(holder: str, duty: int) -> bool:
            with another(make_broker) as connection:
                gate.wait(30)
                return connection.leader(f"duty {duty}").acquire(holder, LONG)

        for duty in range(5):
            actors = [start(lambda name=name, duty=duty: stand(name, duty)) for name in "abcd"]  # type: ignore[misc]  # a lambda
            assert sum(actor.finish() for actor in actors) == 1
