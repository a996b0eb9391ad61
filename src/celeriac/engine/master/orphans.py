"""Processes whose parent died before they did: the kernel makes them the master's, where it can (Linux)."""

from __future__ import annotations

import os


def has_ended(pid: int) -> bool:
    """Return whether no process has this pid any more."""
    try:
        os.waitpid(pid, os.WNOHANG)  # it is ours if we adopted it
    except ChildProcessError:
        pass  # it is not
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def reap_orphans(ours: set[int]) -> None:
    """Collect adopted descendants that have ended: processes that tasks left behind. Our templates are left to ``Popen``."""
    for pid in _children_of(os.getpid()) - ours:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue  # collected already


def _children_of(pid: int) -> set[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return {int(child) for child in file.read().split()}
    except OSError:
        return set()
