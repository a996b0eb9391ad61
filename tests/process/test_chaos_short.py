"""A short run of each kind of chaos. The long ones are ``make chaos``, and their report is docs/chaos.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.testing.servers import PostgresServer
from tests.chaos.scenarios import LATER_PASSAGES, ON_A_SERVER, RANDOM, SHORT, Stage, at_point

pytestmark = pytest.mark.process

SEED = 20_261_121

SQLITE = [("child-kills", "prefork"), ("worker-kills", "prefork"), ("stops", "threads")]
POSTGRES = [("child-kills", "threads"), ("worker-kills", "asyncio"), ("stops", "prefork"), ("claims-in-flight", "prefork")]
POINTS = ["after-claim", "after-join", "before-settle", "before-commit"]


@pytest.mark.parametrize(("scenario", "pool"), SQLITE)
def test_nothing_is_lost_on_sqlite(scenario: str, pool: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        verdict = RANDOM[scenario](Stage(engine="sqlite", pool=pool, seed=SEED, folder=tmp_path), SHORT)
    assert not verdict.is_red, verdict


@pytest.mark.postgres
@pytest.mark.parametrize(("scenario", "pool"), POSTGRES)
def test_nothing_is_lost_on_postgres(
    scenario: str, pool: str, tmp_path: Path, postgres: PostgresServer, django_db_blocker: DjangoDbBlocker
) -> None:
    name = f"short_{scenario}_{pool}".replace("-", "_")
    stage = Stage(engine="postgres", pool=pool, seed=SEED, folder=tmp_path, server=postgres, name=name)
    with django_db_blocker.unblock():
        verdict = {**RANDOM, **ON_A_SERVER}[scenario](stage, SHORT)
    assert not verdict.is_red, verdict


@pytest.mark.postgres
def test_nothing_is_lost_in_an_outage(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with PostgresServer() as server, django_db_blocker.unblock():
        stage = Stage(engine="postgres", pool="prefork", seed=SEED, folder=tmp_path, server=server, name="short_outage")
        verdict = ON_A_SERVER["outages"](stage, SHORT)
    assert not verdict.is_red, verdict


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_by_a_kill_at_a_named_point(point: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        verdict = at_point(
            Stage(engine="sqlite", pool="prefork", seed=SEED, folder=tmp_path), point, LATER_PASSAGES.get(point, 1)
        )
    assert not verdict.is_red, verdict
