"""A purge of however many jobs holds nobody up for longer than a batch takes."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.engine.brokers.base import Purge
from celeriac.engine.brokers.sql import control
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import QUEUE, some_jobs


def test_each_batch_is_committed_before_the_next(caller: SQLBroker, others: SQLBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PURGE_BATCH", 10)
    seen: list[int] = []
    purge = control.purge

    def looking(*args: Any) -> control.Changed:
        seen.append(others.counts()[QUEUE].get(State.CANCELLED, 0))
        return purge(*args)

    monkeypatch.setattr(control, "purge", looking)
    caller.push(some_jobs(35))
    assert caller.control(Purge(queues=(QUEUE, QUEUE))) == 35
    assert seen == [10, 20, 30], "all but the first, which the broker has looked up before"
    assert others.counts() == {QUEUE: {State.CANCELLED: 35}}
