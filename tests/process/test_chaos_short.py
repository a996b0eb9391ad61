"""A short run of each kind of harm to workers, on every engine. The long ones: ``make chaos``, docs/chaos.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.chaos.claims import claims_in_flight
from tests.chaos.engines import Engine
from tests.chaos.scenarios import RANDOM, SHORT, Stage
from tests.process.conftest import SEED, wrong

pytestmark = pytest.mark.process

RUNS = [
    ("sqlite", "child-kills", "prefork"),
    ("sqlite", "worker-kills", "prefork"),
    ("sqlite", "stops", "threads"),
    ("postgres", "child-kills", "threads"),
    ("postgres", "worker-kills", "asyncio"),
    ("postgres", "stops", "prefork"),
    ("mariadb", "child-kills", "prefork"),
    ("valkey", "child-kills", "prefork"),
    ("valkey", "stops", "prefork"),
    ("rabbitmq", "worker-kills", "prefork"),
]


@pytest.mark.parametrize(("engine", "scenario", "pool"), RUNS)
def test_nothing_is_lost_when_workers_are_hit(
    engine: str,
    scenario: str,
    pool: str,
    tmp_path: Path,
    chaos_engine: Callable[[str], Engine],
    django_db_blocker: DjangoDbBlocker,
) -> None:
    name = f"short_{scenario}_{pool}".replace("-", "_")
    with django_db_blocker.unblock():
        stage = Stage(engine=chaos_engine(engine), pool=pool, seed=SEED, folder=tmp_path, name=name)
        assert wrong(RANDOM[scenario](stage, SHORT)) == {}


@pytest.mark.postgres
def test_nothing_is_lost_when_a_claim_outlives_its_child(
    tmp_path: Path, chaos_engine: Callable[[str], Engine], django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        stage = Stage(engine=chaos_engine("postgres"), pool="prefork", seed=SEED, folder=tmp_path, name="short_in_flight")
        assert wrong(claims_in_flight(stage, SHORT)) == {}
