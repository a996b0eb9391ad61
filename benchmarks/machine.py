"""The machine that a measurement was made on, and whether it was quiet."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
QUIET = 0.5
"""Load a core, at the start, above which figures are not to be trusted: others take part of the processor."""


@dataclass(frozen=True)
class Machine:
    """What figures depend on besides the code."""

    commit: str
    dirty: bool
    """Whether files differed from that commit."""
    measured: str
    cores: int
    memory_gb: float
    system: str
    python: str
    load: float
    """The load average of the last minute, at the start."""

    @property
    def quiet(self) -> bool:
        """Whether nobody else was at work."""
        return self.load <= QUIET * self.cores

    def told(self) -> dict[str, object]:
        """Return it for the JSON file."""
        return {**asdict(self), "quiet": self.quiet}


def machine() -> Machine:
    """Look at the machine now."""
    return Machine(
        commit=_git("rev-parse", "--short=12", "HEAD") or "unknown",
        dirty=bool(_git("status", "--porcelain", "--untracked-files=no")),
        measured=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def _git(*command: str) -> str:
    try:
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
