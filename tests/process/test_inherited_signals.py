"""What programs that a task starts inherit from the child that runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

STARTS_A_PROGRAM = """
import os, signal, subprocess
from celeriac.engine.worker.child import ignore_terminal_signals
ignore_terminal_signals()
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
program = subprocess.Popen(["sleep", "600"])
program.terminate()
print("the child lives; its program ended with", program.wait(30))
"""


def test_a_task_can_end_the_program_it_started_though_its_own_process_ignores_the_signal() -> None:
    ended = subprocess.run([sys.executable, "-c", STARTS_A_PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "the child lives; its program ended with -15\n", ended.stderr
