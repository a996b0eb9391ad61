"""How many children this machine bears: its CPUs, its free memory, and what one child takes of it."""

from __future__ import annotations

import math
import os
from pathlib import Path

import msgspec

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _
from celeriac.engine.worker import cgroup

ROOT = Path("/")
TYPICAL_CHILD = 64 << 20
"""Bytes of a child where they cannot be measured: what a Django project of middling size takes."""
MIB = 1 << 20


class Capacity(msgspec.Struct, frozen=True):
    """What was found. Sizes in bytes; ``free`` is None where the system does not tell."""

    cpus: int
    free: int | None
    child: int

    def default_children(self) -> int:
        """Return one child a CPU, and no more than half of the free memory holds. One at least."""
        return max(1, min(self.cpus, self._that_fit(0.5)))

    def require_room_for(self, children: int) -> None:
        """Raise ``ImproperlyConfigured`` with the figures where so many children do not fit in the free memory."""
        if self.free is None or children <= 1 or children * self.child <= self.free:
            return
        text = _(
            "-c {children} needs about {needed} of memory: {each} for each child process, as much as this project takes once it"
            " is imported. {free} are free, enough for -c {fit}. To start so many in spite of this, add --force."
        )
        needed, each, free = (_mib(size) for size in (children * self.child, self.child, self.free))
        fit = max(1, self._that_fit(1.0))
        raise ImproperlyConfigured(text.format(children=children, needed=needed, each=each, free=free, fit=fit))

    def _that_fit(self, share: float) -> int:
        return self.cpus if self.free is None else int(self.free * share) // self.child


def measure(root: Path = ROOT) -> Capacity:
    """Measure, in the process from which the children are forked, after it has imported the project."""
    return Capacity(cpus=usable_cpus(root), free=free_memory(root), child=own_memory(root) or TYPICAL_CHILD)


def usable_cpus(root: Path = ROOT) -> int:
    """Return the CPUs this process may use: those it is bound to, and no more than its control group's quota, rounded up."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup.cpu_quota(root)
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def free_memory(root: Path = ROOT) -> int | None:
    """Return the bytes that can still be used, of the machine's memory and within the control group's limit."""
    rooms = (_kib(root / "proc/meminfo", "MemAvailable"), cgroup.free_memory(root))
    return min((room for room in rooms if room is not None), default=None)


def own_memory(root: Path = ROOT) -> int | None:
    """Return the bytes of memory of this process: its proportional share where that is told, else what is resident."""
    shared = _kib(root / "proc/self/smaps_rollup", "Pss")
    return shared if shared is not None else _kib(root / "proc/self/status", "VmRSS")


def _kib(path: Path, name: str) -> int | None:
    """Return a line ``Name:  123 kB`` of one of the kernel's files in bytes, or None where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None


def _mib(size: int) -> str:
    return f"{math.ceil(size / MIB):,} MiB"
