"""What Linux offers a family of processes. Elsewhere these do nothing, and slower means take over."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that forked us ends. Exits at once where the parent is gone already."""
    if _prctl(PR_SET_PDEATHSIG, signal.SIGKILL) and os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> bool:
    """Become the parent of descendants whose parent dies, so that we learn of their end."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def resident_kib(pid: int) -> int:
    """Return a process's resident memory in KiB; 0 where it cannot be told."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def set_title(title: str) -> None:
    """Show ``title`` in the process list, where setproctitle is installed."""
    try:
        import setproctitle  # an extra: nothing but the title depends on it
    except ImportError:
        return
    setproctitle.setproctitle(title)
