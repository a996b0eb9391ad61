"""A short run of each kind of harm to servers and connections. The long ones: ``make chaos``, docs/chaos.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.chaos.engines import Engine
from tests.chaos.outages import ON_A_SERVER
from tests.chaos.scenarios import SHORT, Stage
from tests.process.conftest import SEED, wrong

pytestmark = pytest.mark.process

RUNS = [
    ("valkey", "server-kills"),
    ("valkey", "cuts"),
    ("valkey", "full"),
    ("postgres", "server-kills"),
    ("postgres", "cuts"),
    ("postgres", "full"),
    ("mariadb", "server-kills"),
    ("mariadb", "cuts"),
    ("mariadb", "full"),
    ("rabbitmq", "cuts"),
    ("rabbitmq", "full"),
]
"""Not here: *half-open*, which takes as long as a timeout; and killing RabbitMQ, which takes seconds to start."""


@pytest.mark.parametrize(("engine", "scenario"), RUNS)
def test_nothing_is_lost_and_jobs_run_again_within_three_seconds(
    engine: str, scenario: str, tmp_path: Path, chaos_engine: Callable[[str], Engine], django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        name = f"short_{scenario}".replace("-", "_")
        stage = Stage(engine=chaos_engine(engine), pool="prefork", seed=SEED, folder=tmp_path, name=name)
        assert wrong(ON_A_SERVER[scenario](stage, SHORT)) == {}
