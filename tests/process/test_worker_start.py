"""What a worker is told at its start, and what it says: log file, pid file, its size, and who else is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.smallsite import Project, until

pytestmark = pytest.mark.process


def dead_pid() -> int:
    """Return the pid of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_the_log_goes_to_the_file_and_the_pid_into_its_own_while_the_worker_runs(site: Project, pool: str) -> None:
    pidfile = site.folder / "mail.pid"
    pidfile.write_text(f"{dead_pid()}\n")
    worker = site.worker(
        "-P", pool, "-n", "mail@%h", "-l", "info", "--logfile", "日志-%n%I.log", f"--pidfile={site.folder}/%n.pid"
    )
    assert pidfile.read_text() == f"{worker.process.pid}\n", "the stale one is replaced"
    site.result("shop.tasks.add", 40, 2)
    assert worker.stop() == 0
    log = (site.folder / "日志-mail.log").read_text(encoding="utf-8")
    assert log.count("Task shop.tasks.add[") == 2
    assert "Task shop.tasks.add[" not in worker.printed()
    assert not pidfile.exists()


def test_a_log_file_that_was_renamed_is_begun_anew(site: Project) -> None:
    worker = site.worker("-l", "info", "-f", "w.log")
    site.result("shop.tasks.add", 1, 1)
    (site.folder / "w.log").rename(site.folder / "w.log.1")
    site.result("shop.tasks.add", 1, 1)
    assert worker.stop() == 0
    assert (site.folder / "w.log").read_text().count("received") == 1


def test_a_second_worker_with_the_pid_file_of_a_living_one_is_refused_with_its_pid(site: Project) -> None:
    first = site.worker("--pidfile", "w.pid")
    second = site.start("manage.py", "celeriac", "worker", "--pidfile", "w.pid")
    assert second.wait() == 1
    assert f"--pidfile w.pid: a worker with this file runs already (pid {first.process.pid})." in second.printed()
    assert (site.folder / "w.pid").exists()
    assert first.stop() == 0


def test_an_empty_pid_file_is_none(site: Project) -> None:
    before = set(site.folder.iterdir())
    worker = site.worker("-P", "solo", "--pidfile", "")
    assert {path.suffix for path in set(site.folder.iterdir()) - before} <= {"", ".sqlite3", ".sqlite3-wal", ".sqlite3-shm"}
    assert worker.stop() == 0


@pytest.mark.parametrize("pool", ["prefork", "solo"])
@pytest.mark.parametrize("option", ["--logfile", "--pidfile"])
def test_a_file_that_cannot_be_written_ends_the_start_with_the_reason(site: Project, pool: str, option: str) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-P", pool, option, "nowhere/w")
    assert worker.wait() == 1
    assert f"{option} nowhere/w: " in worker.printed()
    assert "No such file or directory. Make its folder" in worker.printed()
    assert "Traceback" not in worker.printed()


def test_another_worker_of_the_project_here_is_announced_with_its_pid_and_not_refused(site: Project) -> None:
    first = site.worker("-n", "one@%h")
    assert "beside" not in first.printed()
    second = site.worker("-P", "solo", "-n", "two@%h")
    assert f"  beside  another worker of this project runs here (pid {first.process.pid}, started 20" in second.printed()
    assert len(second.printed().splitlines()) <= 12
    assert (first.stop(), second.stop()) == (0, 0)


def test_more_children_than_the_memory_holds_are_refused_with_the_figures(site: Project) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-c", "10000000")
    assert worker.wait() == 1
    assert "-c 10000000 needs about" in worker.printed()
    assert "add --force" in worker.printed()
    assert "Traceback" not in worker.printed()


def test_the_number_of_children_is_kept_when_the_code_is_loaded_anew(site: Project) -> None:
    worker = site.start("manage.py", "celeriac", "worker")
    until(lambda: "Ctrl-C" in worker.printed(), worker)
    [line] = [line for line in worker.printed().splitlines() if line.startswith("  pool ")]
    children = int(line.split(", ")[1].split()[0])
    assert 1 <= children <= len(os.sched_getaffinity(0))
    before = {process.pid for process in worker.family()}
    worker.process.send_signal(signal.SIGHUP)
    # Master, template, keeper and children, all but the first of them new.
    until(lambda: len({process.pid for process in worker.family()} - before) == children + 2, worker)
    until(lambda: len(worker.family()) == children + 3, worker)
    assert worker.stop() == 0


def test_detaching_is_answered_with_what_does_it_better(project: Project) -> None:
    worker = project.start("manage.py", "celeriac", "worker", "--detach")
    assert worker.wait() == 2
    assert "does not detach itself" in worker.printed()
    assert "systemd" in worker.printed()


def test_a_pid_file_is_left_alone_by_the_worker_whose_it_is_no_more(site: Project) -> None:
    worker = site.worker("-P", "solo", "--pidfile", "w.pid")
    file: Path = site.folder / "w.pid"
    file.write_text("1\n")
    assert worker.stop() == 0
    assert file.read_text() == "1\n"
