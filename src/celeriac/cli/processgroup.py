"""A process that a Ctrl-C on our terminal does not reach, so that we alone decide when and how it ends.

On POSIX it leads a process group of its own; on Windows likewise, where such a group hears Ctrl-Break and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGBREAK") if hasattr(signal, name))
"""What asks a process to stop. BREAK is Windows' own (Ctrl-Break), and the one that reaches another group there."""


def on_stop(act: Callable[[], object]) -> None:
    """Call ``act`` whenever this process is asked to stop."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: act())


def end_on_interrupt() -> None:
    """Have INT end this process at once, as TERM does, until it has handlers of its own: while it imports the project.

    A ``KeyboardInterrupt`` that is raised in a weak reference's callback, as imports have them, is lost, and the process would
    run for ever. So it would where a shell started it in its background, which has INT ignored.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(
    command: Sequence[str], env: Mapping[str, str] | None = None, output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a group of its own. ``output`` takes what it prints, errors too."""
    errors = subprocess.STDOUT if output is not None else None
    if sys.platform == "win32":
        return subprocess.Popen(
            command, env=env, stdout=output, stderr=errors, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP
        )
    return subprocess.Popen(command, env=env, stdout=output, stderr=errors, process_group=0)


def ask(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to stop, in its own time."""
    _signal(process, "SIGTERM")


def pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    """Send the process the signal that we got; on Windows, where one process cannot send another any, Ctrl-Break."""
    if sys.platform == "win32":
        number = signal.CTRL_BREAK_EVENT
    process.send_signal(number)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole group at once; on Windows the process alone, whose own group ends with its console."""
    _signal(process, "SIGKILL")


def _signal(process: subprocess.Popen[bytes], name: str) -> None:
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        os.killpg(process.pid, getattr(signal, name))
    elif name == "SIGTERM":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.kill()


def stop(process: subprocess.Popen[bytes], grace: float) -> int:
    """Ask, wait up to ``grace`` seconds, then kill. Returns the exit status."""
    ask(process)
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        kill(process)
        return process.wait()
