"""What the control groups of Linux, versions 1 and 2, leave to this process: CPUs and memory. Containers are made of them.

Every function reads below ``root``, which is ``/`` in earnest and a folder with copies of such files in tests. A limit that
is not set, or cannot be read, is None. A group is also bound by the limits of those around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 1 << 60
"""Bytes from which on version 1 means no limit: it writes the largest number of whole pages."""


def cpu_quota(root: Path) -> float | None:
    """Return how many CPUs' worth of time this process may take."""
    quotas = [_quota_2(folder) for folder in _groups(root, "")] + [_quota_1(folder) for folder in _groups(root, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def free_memory(root: Path) -> int | None:
    """Return the bytes that this process and its children may take yet. What the kernel can drop at once counts as free."""
    rooms = [_room(folder, "memory.max", "memory.current", "inactive_file") for folder in _groups(root, "")]
    rooms += [
        _room(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        for folder in _groups(root, "memory")
    ]
    return min((room for room in rooms if room is not None), default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folder of this process's group of a controller (none for version 2), then those around it."""
    mounts = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controller not in controllers.split(","):
            continue
        mounted = [name for name in (controllers, controller) if name and (mounts / name).is_dir()]
        mount = mounts / mounted[0] if mounted else mounts
        yield from _upwards(mount, group)


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """Yield the group's folder and those above it. A container that does not see its own has it mounted at the top."""
    folder = mount / group.strip("/")
    if ".." in folder.parts or not folder.is_dir():
        folder = mount
    while folder != mount:
        yield folder
        folder = folder.parent
    yield mount


def _quota_2(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None  # "max 100000"
    return int(words[0]) / int(words[1])


def _quota_1(folder: Path) -> float | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None  # -1 is no limit


def _room(folder: Path, most: str, now: str, droppable: str) -> int | None:
    limit, used = _number(folder / most), _number(folder / now)
    if limit is None or used is None or limit >= UNLIMITED:
        return None
    return max(0, limit - max(0, used - _cached(folder / "memory.stat", droppable)))


def _cached(path: Path, name: str) -> int:
    for line in _read(path).splitlines():
        word, _, number = line.partition(" ")
        if word == name and number.isdecimal():
            return int(number)
    return 0


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # not this version, not this controller, or not Linux
