"""Run the test suite on every combination of Python and Django found here, and say in one line which ones ran.

Usage: python3 tools/suite.py [PYTEST ARGUMENTS]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from environment import ROOT, Environment, default, version_of

NEWEST_PYTHON = "3.13"
NEWEST_DJANGO = "Django~=6.1.0"
PARALLEL = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""Most of the process tests wait rather than compute, so three at a time fit two cores. One file stays in one process.

In the order of their names, the unit tests come late and fill what is left. By the number of their tests, as files are sorted
otherwise, those that kill workers would come last: few tests, and the longest.
"""


@dataclass(frozen=True)
class Run:
    """How one combination went."""

    combination: str
    exit_code: int

    def __str__(self) -> str:
        return f"{self.combination} ({'failed' if self.exit_code else 'passed'})"


def candidates() -> Iterator[str]:
    """Yield interpreters that may be a Python 3.13: those on PATH first, then pyenv's own."""
    for folder in os.get_exec_path():
        found = shutil.which(f"python{NEWEST_PYTHON}", path=folder)
        if found:
            yield found
    yield sys.executable
    for version in sorted(Path("~/.pyenv/versions").expanduser().glob(f"{NEWEST_PYTHON}*"), reverse=True):
        yield str(version / "bin" / "python")


def newest() -> Environment | None:
    """Return the environment with the newest Python and Django, where there is such an interpreter."""
    for interpreter in candidates():
        if (version_of(interpreter) or "").startswith(f"{NEWEST_PYTHON}."):
            return Environment(ROOT / f".venv-{NEWEST_PYTHON}", interpreter, NEWEST_DJANGO)
    return None


def run(environment: Environment, arguments: list[str]) -> Run:
    """Run the suite once; pytest prints for itself."""
    environment.ensure("test")
    combination = f"Python {version_of(str(environment.python))} with Django {environment.django_version()}"
    print(f"\n=== {combination} ===", flush=True)
    done = subprocess.run([environment.python, "-m", "pytest", *(arguments or PARALLEL)], cwd=ROOT, check=False)
    return Run(combination, done.returncode)


def report(runs: list[Run], newest_is_missing: bool) -> str:
    """Return the one line that says what ran and what did not."""
    line = "Ran: " + ", ".join(str(each) for each in runs) + "."
    if newest_is_missing:
        line += (
            f" Not run: Python {NEWEST_PYTHON} with {NEWEST_DJANGO.replace('~=', ' ').removesuffix('.0')}:"
            f" no working python{NEWEST_PYTHON} on PATH or in ~/.pyenv/versions."
        )
    return line


def main() -> None:
    """Run all combinations, the second also when the first failed."""
    second = newest()
    environments = [default()] + ([second] if second else [])
    runs = [run(environment, sys.argv[1:]) for environment in environments]
    print("\n" + report(runs, newest_is_missing=second is None), flush=True)
    raise SystemExit(max(each.exit_code for each in runs))


if __name__ == "__main__":
    main()
