"""docs/schedules.md: its blocks run as they stand there, and its table has every kind of schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celery
from celeriac.beat.declaring import KEYS, declared
from celeriac.current import current_app_is
from celeriac.schedules import KINDS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "schedules.md").read_text(encoding="utf-8")


def block(title: str) -> str:
    found = re.search(rf"^```python\n# {re.escape(title)}\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/schedules.md has no block that begins with '# {title}'"
    return found[1]


def run(title: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "orders.tasks"}
    exec(compile(block(title), title, "exec"), names)  # noqa: S102 - a block of our own page, which is the point
    return names


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("shop", broker="memory://", set_as_current=False)
    with current_app_is(app):
        yield app
    app.close()


def test_the_shortest_thing_declares_an_entry_of_every_minute(app: Celery) -> None:
    task = run("orders/tasks.py")["look_for_orders"]
    try:
        assert declared(app)[task.name].columns["fields"] == {"every": 60}
        assert not declared(app)[task.name].problem
    finally:
        task.schedule = None  # a shared task is in every app to come


def test_the_settings_declare_entries_without_a_problem(app: Celery) -> None:
    app.conf.beat_schedule = run("settings.py")["CELERY_BEAT_SCHEDULE"]
    found = {name: entry for name, entry in declared(app).items() if name in ("report", "stock")}
    assert {name: (entry.columns["kind"], entry.problem) for name, entry in found.items()} == {
        "report": ("crontab", ""), "stock": ("interval", ""),
    }  # fmt: skip
    assert found["stock"].columns["overlap"] == "skip"


@pytest.mark.django_db
def test_a_program_makes_a_row() -> None:
    from celeriac.models import PeriodicTask

    run("a program")
    assert PeriodicTask.objects.get().fields == {"every": 3}


def test_what_the_block_prints_is_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    run("python")
    for line in capsys.readouterr().out.splitlines():
        assert f"`{line}`" in TEXT


def test_every_kind_and_every_key_of_an_entry_is_on_the_page() -> None:
    assert all(f"| `{kind}` |" in TEXT for kind in KINDS)
    assert all(f"`{key}`" in TEXT for key in KEYS)


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"\]\((\S+\.png)\)", TEXT)
    assert len(pictures) == 3
    assert all((DOCS / picture).stat().st_size < 300_000 for picture in pictures)
