"""A worker that dies at a named place, and another that goes on. All places on all engines: ``make chaos``, docs/chaos.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.chaos.engines import Engine
from tests.chaos.scenarios import LATER_PASSAGES, Stage, at_point
from tests.process.conftest import SEED, wrong

pytestmark = pytest.mark.process

POINTS = [
    ("sqlite", "after-claim"),
    ("sqlite", "after-join"),
    ("sqlite", "before-settle"),
    ("sqlite", "before-commit"),
    ("valkey", "after-claim"),
    ("valkey", "before-settle"),
]


@pytest.mark.parametrize(("engine", "point"), POINTS)
def test_nothing_is_lost_by_a_kill_at_a_named_point(
    engine: str, point: str, tmp_path: Path, chaos_engine: Callable[[str], Engine], django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        name = point.replace("-", "_")
        stage = Stage(engine=chaos_engine(engine), pool="prefork", seed=SEED, folder=tmp_path, name=name)
        assert wrong(at_point(stage, point, LATER_PASSAGES.get(point, 1))) == {}
