"""Runs as Markdown, ratios first, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import NOT_TO_BE_HAD, SYSTEMS
from benchmarks.environments import versions
from benchmarks.figures import Figures, Spread
from benchmarks.machine import Machine
from benchmarks.servers import SETTINGS
from benchmarks.targets import OURS, TARGETS

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Run:
    """What one command measured. A comparison of hours may be made of several, each on a machine that is quiet then."""

    asked: str
    machine: Machine
    figures: Figures


def with_earlier(run: Run, earlier: Sequence[Run]) -> list[Run]:
    """Return runs, the latest last, each with the figures that no later one has measured again."""
    left = [Run(old.asked, old.machine, old.figures.without(run.figures)) for old in earlier]
    return [*(old for old in left if old.figures), run]


def runs_of(text: str) -> list[Run]:
    """Return the runs that ``as_json`` has told."""
    runs = []
    for told in json.loads(text)["runs"]:
        told["machine"].pop("quiet")
        figures = Figures.read(told["figures"])
        figures.failures = told["failures"]
        runs.append(Run(told["command"], Machine(**told["machine"]), figures))
    return runs


def markdown(runs: Sequence[Run]) -> str:
    """Return the part of ``docs/benchmarks.md`` that is generated."""
    figures = Figures()
    for run in runs:
        figures.replace(run.figures)
        figures.failures += run.figures.failures
    parts = [*map(_heading, runs), _targets(figures)]
    parts += [_engine(figures, engine) for engine in figures.engines()]
    parts.append(_notes(figures))
    return "\n\n".join(part for part in parts if part)


def write(document: Path, text: str) -> None:
    """Put the generated part between its marks in a document."""
    before, _, rest = document.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


def as_json(runs: Sequence[Run]) -> str:
    """Return everything, each repetition too."""
    told = {"versions": versions(), "servers": SETTINGS, "not to be had": NOT_TO_BE_HAD, "runs": list(map(_told, runs))}
    return json.dumps(told, indent=1) + "\n"


def _told(run: Run) -> dict[str, object]:
    return {
        "command": run.asked, "machine": run.machine.told(), "figures": list(run.figures.told()),
        "failures": run.figures.failures,
    }  # fmt: skip


def _heading(run: Run) -> str:
    machine = run.machine
    changed = " with changes" if machine.dirty else ""
    told = (
        f"`{run.asked}` at commit `{machine.commit}`{changed}, {machine.measured}: {machine.cores} cores,"
        f" {machine.memory_gb} GB, {machine.system}, Python {machine.python}; load at the start {machine.load}."
    )
    if not machine.quiet:
        told += (
            f"\n\n**The machine was not quiet** (load {machine.load} on {machine.cores} cores): the figures are too low and"
            " spread widely. Ratios, whose two sides were measured in turn, are nearer the truth."
        )
    return told


def _targets(figures: Figures) -> str:
    rows = []
    for target in TARGETS:
        value = target.measured(figures)
        if value is not None:
            met = "yes" if target.met(value) else "**no**"
            rows.append(
                f"| {target.engine} | {target.name} | {_number(value)} | {target.bound} {_number(target.goal)} | {met} |"
            )
    if not rows:
        return ""
    return "\n".join(["### Targets", "", "| engine | figure | measured | target | met |", "|---|---|---|---|---|", *rows])


def _engine(figures: Figures, engine: str) -> str:
    lines = [f"### {engine}", "", f"{SETTINGS[engine]}. Median (lowest to highest); x1.5 is half as much again as ours.", ""]
    systems = list(dict.fromkeys(system for name in figures.names(engine) for system in figures.of(engine, name)))
    lines += [f"| | {' | '.join(systems)} |", f"|---|{'---|' * len(systems)}"]
    for name in figures.names(engine):
        found = figures.of(engine, name)
        lines.append(f"| {name} | {' | '.join(_cell(found, system) for system in systems)} |")
    return "\n".join(lines)


def _cell(found: dict[str, Spread], system: str) -> str:
    spread = found.get(system)
    if spread is None:
        return ""
    text = _number(spread.median)
    if spread.runs > 1:
        text += f" ({_number(spread.lowest)} to {_number(spread.highest)})"
    ours = found.get(OURS)
    if ours is not None and system != OURS and ours.median:
        text = f"x{spread.median / ours.median:.2f}: {text}"
    return text


def _notes(figures: Figures) -> str:
    return "\n".join(["### Notes", "", *(f"- {note}" for note in _each_note(figures))])


def _each_note(figures: Figures) -> Iterator[str]:
    for system in SYSTEMS:
        if system.keeps and system.engine in figures.engines():
            yield f"{system.engine}, {system.name}: {system.keeps}."
    for name, why in NOT_TO_BE_HAD.items():
        yield f"{name} is missing: {why}."
    for failure in figures.failures:
        yield f"Not measured: {failure.splitlines()[0]}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
