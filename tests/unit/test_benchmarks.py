"""The benchmarks' own arithmetic: clocks, targets, the report. What they measure is measured by running them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.catalogue import SYSTEMS, System
from benchmarks.clocks import VARIABLE, Clocks, NotDone
from benchmarks.figures import Figures
from benchmarks.machine import Machine
from benchmarks.report import BEGIN, END, Run, as_json, markdown, runs_of, with_earlier, write
from benchmarks.targets import DRAIN, TARGETS, Target

ROOT = Path(__file__).parents[2]
OURS = System("sqlite", "celeriac")
OTHER = System("sqlite", "huey", environment="huey")


def a_machine(load: float = 0.1) -> Machine:
    """Return a machine of two cores."""
    return Machine("abc", False, "2026-11-21 17:00 UTC", 2, 8.0, "Linux", "3.11.7", load)


def some_figures() -> Figures:
    """Return three repetitions of two systems."""
    figures = Figures()
    for ours, other in ((30_000.0, 3_000.0), (40_000.0, 4_000.0), (35_000.0, 2_000.0)):
        figures.add(OURS, {DRAIN: ours})
        figures.add(OTHER, {DRAIN: other})
    return figures


def a_run(load: float = 0.1, figures: Figures | None = None) -> Run:
    """Return what a command measured."""
    return Run("python -m benchmarks", a_machine(load), figures or some_figures())


def test_a_job_of_another_process_clocks_in(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path / "clocks")
    before = time.monotonic()
    job = "from benchmarks.clocks import clock_in; clock_in(7)"
    environment = {VARIABLE: str(clocks.path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", job], env=environment, check=True, timeout=30)
    clocks.wait(range(7, 8), 5.0, lambda: False)
    assert before < clocks.times(range(7, 8))[0] < time.monotonic()
    assert clocks.times(range(8, 9)) == [0.0]


def test_waiting_for_a_job_that_never_runs_ends(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path / "clocks")
    with pytest.raises(NotDone, match="2 of 2 jobs had not run"):
        clocks.wait(range(2), 0.05, lambda: True)


def test_a_figure_is_the_median_with_its_spread() -> None:
    spread = some_figures().get("sqlite", "celeriac", DRAIN)
    assert spread is not None
    assert (spread.median, spread.lowest, spread.highest, spread.runs) == (35_000.0, 30_000.0, 40_000.0, 3)


def test_a_target_against_another_system_is_a_ratio_of_medians() -> None:
    target = Target("sqlite", DRAIN, ">=", 5.0, "huey")
    measured = target.measured(some_figures())
    assert measured == pytest.approx(35_000 / 3_000)
    assert target.met(5.0)
    assert not target.met(4.9)


def test_a_target_whose_other_side_was_not_measured_is_left_out() -> None:
    assert Target("sqlite", DRAIN, ">=", 20.0, "celery", "valkey").measured(some_figures()) is None


def test_every_target_names_systems_and_workloads_that_exist() -> None:
    known = {(system.engine, system.name) for system in SYSTEMS}
    for target in TARGETS:
        assert (target.engine, "celeriac") in known
        assert not target.against or (target.on or target.engine, target.against) in known


def test_every_peer_has_an_adapter_and_pinned_versions() -> None:
    pinned = environments.versions()
    for system in SYSTEMS:
        assert (ROOT / "benchmarks" / "peers" / f"{system.peer}.py").exists(), system
        if system.environment is not None:
            assert all("==" in package for package in pinned[system.environment])


def test_the_report_has_ratios_first_and_warns_of_a_busy_machine(tmp_path: Path) -> None:
    text = markdown([a_run(load=3.0)])
    assert "The machine was not quiet" in text
    assert text.index("### Targets") < text.index("### sqlite")
    assert "| sqlite | drain against huey | 11.7 | >= 5.00 | yes |" in text
    assert "35,000 (30,000 to 40,000)" in text
    assert "x0.09: 3,000 (2,000 to 4,000)" in text
    assert "The machine was not quiet" not in markdown([a_run()])


def test_writing_the_report_leaves_what_is_around_it_alone(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(document, "new")
    assert document.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_the_json_has_each_repetition_and_the_commit() -> None:
    (told,) = json.loads(as_json([a_run()]))["runs"]
    assert told["machine"]["commit"] == "abc"
    assert told["figures"][0]["values"] == [30_000.0, 40_000.0, 35_000.0]


def test_a_later_run_replaces_what_it_measured_again_and_keeps_the_rest() -> None:
    again = Figures()
    again.add(OURS, {DRAIN: 50_000.0})
    earlier = runs_of(as_json([a_run()]))
    text = markdown(with_earlier(a_run(figures=again), earlier))
    assert "| sqlite | drain against huey | 16.7 |" in text
    assert text.count("at commit `abc`") == 2
    assert "35,000" not in text


def test_a_run_of_which_nothing_is_left_is_forgotten() -> None:
    latest = a_run()
    assert with_earlier(latest, [a_run()]) == [latest]
