"""The start-up text: short, and enough to see what is connected and how to stop it."""

from __future__ import annotations

import os

import pytest

from celeriac.cli import announce
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.options import POOLS, WorkerOptions

MANY = [f"app{number}.tasks.a_task_with_a_long_name" for number in range(500)]


def info() -> WorkerInfo:
    return WorkerInfo(
        id="0", name="celeriac@host", host="host", pid=4711, pool="prefork", concurrency=2, queues=["celery"], version="1.2.3"
    )


def options(**fields: object) -> WorkerOptions:
    defaults = {"name": "celeriac@host", "summary": ["  broker  django://default (SQLite)"], "tasks": ["shop.tasks.pack"]}
    return WorkerOptions(**{**defaults, **fields})  # type: ignore[arg-type]  # fields of several types


def test_it_says_who_what_is_connected_what_is_served_and_how_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert announce.lines(options(queues=["celery", "mail"]), info()) == [
        "celeriac 1.2.3  worker celeriac@host  pid 4711",
        "  broker  django://default (SQLite)",
        "  queues  celery, mail",
        "  tasks   1: shop.tasks.pack",
        "  pool    prefork, 2 child processes",
        "  stop    Ctrl-C finishes what runs; Ctrl-C twice stops at once",
    ]


def test_it_has_at_most_twelve_lines_that_fit_a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    lines = announce.lines(options(tasks=MANY, queues=MANY, summary=[f"  line {n}" for n in range(5)]), info())
    assert len(lines) <= 12
    assert max(map(len, lines)) < 150
    assert any("Ctrl-C" in line for line in lines)


def test_whatever_the_project_has_to_say_it_has_at_most_twelve_lines_and_says_how_to_stop() -> None:
    lines = announce.lines(options(summary=[f"  line {n}" for n in range(50)]), info())
    assert len(lines) <= 12
    assert any("Ctrl-C" in line for line in lines)


def test_the_periodic_tasks_are_told_before_how_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told = ["  beat    report: at 04:00, every day; next 2026-11-21 04:00:00"]
    assert announce.lines(options(schedule=told), info())[-2:-1] == told


@pytest.mark.parametrize("pool", POOLS)
def test_every_pool_is_described(pool: str) -> None:
    assert any(line.startswith(f"  pool    {pool}, 2 ") for line in announce.lines(options(pool=pool), info()))


def test_names_that_do_not_fit_a_line_are_counted() -> None:
    shown = announce.shortened(MANY)
    assert len(shown) < 150
    listed, _, rest = shown.partition(", and ")
    assert int(rest.removesuffix(" more")) + len(listed.split(", ")) == len(MANY)
    assert announce.shortened([]) == ""


def test_a_worker_without_tasks_says_so() -> None:
    assert "  tasks   none found" in announce.lines(options(tasks=[]), info())


@pytest.mark.parametrize(("user", "warns"), [(0, True), (1000, False)])
def test_root_is_warned_and_not_refused(monkeypatch: pytest.MonkeyPatch, user: int, warns: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert any("running as root" in line for line in announce.lines(options(), info())) is warns


def test_it_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    announce.announce(options(), info())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("celeriac 1.2.3  worker celeriac@host")
