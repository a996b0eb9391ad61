"""What was measured: every single figure of every repetition, and its median and spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.catalogue import System


@dataclass(frozen=True)
class Spread:
    """One figure over all repetitions."""

    median: float
    lowest: float
    highest: float
    runs: int

    @property
    def width(self) -> float:
        """How far apart lowest and highest are, as a part of the median."""
        return (self.highest - self.lowest) / self.median if self.median else 0.0


class Figures:
    """All figures of a run, by engine, system and name."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        self.failures: list[str] = []

    def add(self, system: System, figures: Mapping[str, float]) -> None:
        """Add one repetition."""
        for name, value in figures.items():
            self._values[system.engine, system.name, name].append(value)

    def fail(self, system: System, workload: str, why: str) -> None:
        """Remember that a system could not be measured."""
        self.failures.append(f"{system.engine}, {system.name}, {workload}: {why}")

    def get(self, engine: str, system: str, name: str) -> Spread | None:
        """Return one figure, or None where it was not measured."""
        values = self._values.get((engine, system, name))
        return Spread(median(values), min(values), max(values), len(values)) if values else None

    def names(self, engine: str) -> list[str]:
        """Return the names of an engine's figures, in the order in which they were measured."""
        return list(dict.fromkeys(name for of, _, name in self._values if of == engine))

    def engines(self) -> list[str]:
        """Return the engines of which there are figures."""
        return list(dict.fromkeys(engine for engine, *_ in self._values))

    def of(self, engine: str, name: str) -> dict[str, Spread]:
        """Return one figure of all systems of an engine."""
        found = {system: self.get(engine, system, name) for of, system, other in self._values if (of, other) == (engine, name)}
        return {system: spread for system, spread in found.items() if spread is not None}

    def replace(self, later: Figures) -> None:
        """Take over what was measured later, in place of what was known of the same."""
        self._values.update(later._values)

    def without(self, later: Figures) -> Figures:
        """Return what was not measured again later. What failed then, and nothing else, is forgotten with it."""
        left = Figures()
        left._values.update({key: values for key, values in self._values.items() if key not in later._values})
        left.failures = self.failures if left._values else []
        return left

    def __bool__(self) -> bool:
        return bool(self._values)

    @classmethod
    def read(cls, told: Iterable[Mapping[str, Any]]) -> Figures:
        """Return what ``told`` has told."""
        figures = cls()
        figures._values.update({(entry["engine"], entry["system"], entry["figure"]): list(entry["values"]) for entry in told})
        return figures

    def told(self) -> Iterator[dict[str, object]]:
        """Yield one entry a figure, for the JSON file."""
        for (engine, system, name), values in self._values.items():
            yield {"engine": engine, "system": system, "figure": name, "median": median(values), "values": values}
