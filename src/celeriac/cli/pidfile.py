"""``--pidfile``: the worker's pid in a file, for scripts that signal it; and no second worker with the same file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _

TRIES = 5
"""How often a file is taken over that others write and remove at the same time."""


@contextmanager
def holding(path: Path | None) -> Iterator[None]:
    """Keep this process's pid in the file; None is no file. Raises ``ImproperlyConfigured`` while a living process is in it."""
    if path is None:
        yield
        return
    _take(path)
    try:
        yield
    finally:
        if _pid_in(path) == os.getpid():
            path.unlink(missing_ok=True)


def _take(path: Path) -> None:
    for _again in range(TRIES):
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
            return
        except FileExistsError:
            _remove_stale(path)
        except OSError as error:
            text = _(
                "--pidfile {path}: the file cannot be written: {reason}. Make its folder, give this user the right to write to"
                ' it, or have none: --pidfile "".'
            )
            raise ImproperlyConfigured(text.format(path=path, reason=error.strerror)) from None
    text = _("--pidfile {path}: other workers start with the same file. Give each a file of its own.")
    raise ImproperlyConfigured(text.format(path=path))


def _remove_stale(path: Path) -> None:
    pid = _pid_in(path)
    if pid is not None and pid != os.getpid() and lives(pid):  # our own: a container starts anew with the same pid
        text = _(
            "--pidfile {path}: a worker with this file runs already (pid {pid}). Stop it first: kill {pid}. If that process is"
            " no worker, remove the file: rm {path}"
        )
        raise ImproperlyConfigured(text.format(path=path, pid=pid))
    path.unlink(missing_ok=True)


def _pid_in(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() else None


def lives(pid: int) -> bool:
    """Return whether a process of this host has this pid."""
    if sys.platform == "win32":
        return True  # signal 0 would end it there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    return True
