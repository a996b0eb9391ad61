"""A worker's sign of life, and the probe that reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celeriac.cli import exits
from celeriac.cli.main import main
from celeriac.engine.vitals import EVERY, STALE, Vitals, folder, is_alive, signs
from celeriac.engine.worker.pulse import pulse

NOBODY = 2**22 + 1
"""A pid that no process has: the largest there can be, and one."""


@pytest.fixture(autouse=True)
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELERIAC_RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def write(run_dir: Path, **sign: object) -> None:
    run_dir.mkdir(exist_ok=True)
    given = {"pid": os.getpid(), "name": "w@tree", "state": "ready", "beat": time.monotonic(), **sign}
    (run_dir / f"{given['pid']}.json").write_text(json.dumps(given))


def test_a_sign_is_written_every_two_seconds_and_removed_at_the_end(run_dir: Path) -> None:
    now, failures = [100.0], list[str]()
    vitals = Vitals(failures.append, lambda: now[0])
    vitals.beat("w@tree", "starting")
    vitals.beat("w@tree", "ready")
    assert [(sign["name"], sign["state"], sign["beat"]) for sign in signs()] == [("w@tree", "starting", 100.0)]
    now[0] += EVERY
    vitals.beat("w@tree", "ready")
    assert [(sign["state"], sign["pid"]) for sign in signs()] == [("ready", os.getpid())]
    vitals.end()
    assert (list(signs()), list(run_dir.iterdir()), failures) == ([], [], [])


def test_a_folder_that_cannot_be_written_is_said_once(run_dir: Path) -> None:
    run_dir.write_text("not a folder")
    failures: list[str] = []
    now = [0.0]
    vitals = Vitals(failures.append, lambda: now[0])
    for now[0] in range(1, 100):
        vitals.beat("w@tree", "ready")
    assert len(failures) == 1
    assert str(run_dir) in failures[0]
    vitals.end()


def test_what_killed_workers_have_left_is_swept(run_dir: Path) -> None:
    write(run_dir, pid=NOBODY)
    Vitals(pytest.fail).beat("w@tree", "ready")
    assert [sign["pid"] for sign in signs()] == [os.getpid()]


@pytest.mark.parametrize(
    ("sign", "alive"),
    [
        ({}, True),
        ({"ago": 1e6}, False),
        ({"ago": -1e6}, False),  # of the time before the machine was started anew
        ({"pid": NOBODY}, False),
        ({"beat": None}, False),
        ({"pid": "1"}, False),
    ],
    ids=str,
)
def test_a_sign_counts_when_it_is_new_and_of_a_living_process(sign: dict[str, object], alive: bool) -> None:
    ago = float(str(sign.get("ago", 0.0)))
    given = {"pid": os.getpid(), "beat": time.monotonic() - ago, **sign}
    assert is_alive(given) is alive


@pytest.mark.parametrize(
    ("sign", "arguments", "status"),
    [
        ({}, (), exits.OK),
        ({"state": "starting"}, (), exits.OK),
        ({"state": "starting"}, ("--ready",), exits.UNAVAILABLE),
        ({}, ("--ready",), exits.OK),
        ({}, ("-n", "w@tree"), exits.OK),
        ({}, ("-n", "v@tree"), exits.UNAVAILABLE),
        ({"beat": -1e6}, (), exits.UNAVAILABLE),
        (None, (), exits.UNAVAILABLE),
    ],
)
def test_the_probe_answers_with_its_status(
    run_dir: Path, capsys: pytest.CaptureFixture[str], sign: dict[str, object] | None, arguments: tuple[str, ...], status: int
) -> None:
    if sign is not None:
        write(run_dir, **sign)
    assert main(["health", *arguments]) == status
    printed = capsys.readouterr()
    assert bool(printed.err) == (status != exits.OK)
    assert main(["health", "-q", *arguments]) == status
    assert capsys.readouterr() == ("", "")


def test_the_probe_answers_programs_too(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(run_dir, pid=NOBODY)
    assert main(["health", "--json"]) == exits.UNAVAILABLE
    told = json.loads(capsys.readouterr().out)
    assert (told["workers"], "no sign of life" in told["problem"]) == ([], True)
    write(run_dir)
    assert main(["health", "--json"]) == exits.OK
    worker = {"name": "w@tree", "state": "ready", "pid": os.getpid()}
    assert json.loads(capsys.readouterr().out) == {"workers": [worker], "problem": None}


def test_a_broken_file_is_no_sign(run_dir: Path) -> None:
    run_dir.mkdir()
    (run_dir / "1.json").write_text("{")
    (run_dir / "2.json").write_text("[]")
    assert list(signs()) == []


@pytest.mark.parametrize("before", [(), ("-A", "proj")])
def test_the_probe_imports_neither_django_nor_the_other_commands(before: tuple[str, ...]) -> None:
    code = (
        "import sys; from celeriac.cli import main\n"
        f"status = main([*{before!r}, 'health', '-q'])\n"
        "print(status, *sorted({'django', 'msgspec', 'asyncio', 'celeriac.cli.parser', 'rich'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [str(exits.UNAVAILABLE)]


def test_a_worker_of_one_process_gives_signs_while_its_keeper_goes_round() -> None:
    with pulse("w@tree", time.monotonic, lambda: "ready"):
        deadline = time.monotonic() + 30
        while not list(signs()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [(sign["name"], sign["state"]) for sign in signs()] == [("w@tree", "ready")]
    assert list(signs()) == []


def test_a_keeper_that_hangs_is_no_life() -> None:
    looked: list[float] = []

    def long_ago() -> float:
        looked.append(time.monotonic())
        return looked[-1] - STALE - 1

    with pulse("w@tree", long_ago, lambda: "ready"):
        deadline = time.monotonic() + 30
        while not looked:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert list(signs()) == []


def test_without_a_folder_of_ones_own_it_is_below_that_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CELERIAC_RUN_DIR")
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert folder() == f"/somewhere/celeriac.{os.getuid()}"
