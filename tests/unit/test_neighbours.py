"""The line about other workers of the project on this host."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from celeriac.cli.neighbours import announced, on_this_host
from celeriac.engine.brokers.base import WorkerInfo
from tests.unit.test_pidfile import an_ended_process

HERE = socket.gethostname()


def a_worker(**fields: Any) -> WorkerInfo:
    defaults = {
        "id": "w", "name": "w@here", "host": HERE, "pid": 1, "pool": "prefork", "concurrency": 1, "queues": ["celery"],
        "started": datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp(),
    }  # fmt: skip
    return WorkerInfo(**{**defaults, **fields})


def test_one_that_lives_here_is_named_with_its_pid_and_its_start() -> None:
    [line] = announced([a_worker()])
    said = r"  beside  another worker of this project runs here \(pid 1, started 2026-11-2[12] \d\d:\d\d:00\)"
    assert re.fullmatch(said, line)


def test_of_several_the_first_that_started_is_named() -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        [line] = announced([a_worker(started=2e9), a_worker(pid=other.pid, started=1e9)])
    finally:
        other.communicate(b"\n")
    assert f"2 others of this project run here (the first: pid {other.pid}, started 2001-" in line


def test_who_is_elsewhere_or_dead_or_this_very_worker_is_no_neighbour() -> None:
    ours = [a_worker(pid=os.getpid()), a_worker(pid=os.getppid())]
    assert on_this_host([a_worker(host="elsewhere"), a_worker(pid=an_ended_process()), *ours]) == []
    assert announced([]) == []
