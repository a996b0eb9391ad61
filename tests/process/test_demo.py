"""The demo, run as ``make demo`` runs it: real web server, real worker, real mail server, one visit."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from celeriac.demo.browser import Browser
from celeriac.demo.site import project

pytest.importorskip("aiosmtpd", reason="the demo's mail server comes with the extra 'demo'")

ROOT = Path(__file__).parents[2]
COMMAND = ["-m", "celeriac", "demo", "--once"]

pytestmark = pytest.mark.process


def test_make_demo_runs_the_command_that_is_tested_here() -> None:
    # Not as a part of the make that runs these tests: that one would say which folder it enters and leaves.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", "demo", "ONCE=1"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1].split()[1:] == COMMAND


def test_a_wheel_holds_the_site_where_the_demo_looks_for_it() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "example" in build["only-include"]
    assert build["sources"]["example"] == "celeriac/demo/example"
    assert project() == ROOT / "example", "in a checkout it is the one folder that there is"


def start_demo(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "celeriac", "demo", *options],
        cwd=folder,  # as after pip install: the demo is found without the repository
        env=os.environ | {"COLUMNS": "160"} | environment,  # no cell of the table is broken into lines
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_demo(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    process = start_demo(folder, "--once", **environment)
    try:
        printed, _ = process.communicate(timeout=80)
    except subprocess.TimeoutExpired:
        process.terminate()  # and not kill: it has a site to stop
        printed, _ = process.communicate(timeout=35)
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return run_demo(tmp_path_factory.mktemp("anywhere"))


def test_the_visit_ends_by_itself_and_every_job_succeeds(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout
    assert "Every job of the visit succeeded." in demo.stdout


def test_the_table_shows_what_the_jobs_did(demo: subprocess.CompletedProcess[str]) -> None:
    shown = demo.stdout
    assert shown.count("SUCCESS") == 3
    assert "at first: SMTPRecipientsRefused" in shown, "the welcome took a second attempt"
    assert "chard (2 reads)" in shown, "the ranking of the last day counts the visit's own reads, and no others"
    assert "new: 6, known: 6" in shown, "the import found the six articles that were not there yet"


def test_the_welcome_was_refused_once_and_then_received(demo: subprocess.CompletedProcess[str]) -> None:
    shown = " ".join(demo.stdout.split())
    assert "The post office refused flora@garden.example once and received: flora@garden.example." in shown


def test_nothing_is_left_behind(demo: subprocess.CompletedProcess[str]) -> None:
    address = re.search(r"http://127\.0\.0\.1:\d+/", demo.stdout)
    assert address is not None
    site = address[0].removeprefix("http://").rstrip("/")
    assert not [process for process in psutil.process_iter(["cmdline"]) if site in (process.info["cmdline"] or ())]


def test_a_job_that_fails_makes_the_demo_fail(tmp_path: Path) -> None:
    articles = shutil.copytree(ROOT / "example" / "articles", tmp_path / "articles")
    (articles / "tomatoes.md").write_text("no header, so the import cannot read it\n")
    done = run_demo(tmp_path, DEMO_ARTICLES_DIR=str(articles))
    assert done.returncode == 1, done.stdout
    assert "Not every job of the visit succeeded." in done.stdout
    assert "FAILURE" in done.stdout
    assert "tomatoes.md lacks a readable header line" in done.stdout


@pytest.fixture(scope="module")
def staying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a demo that goes on running has printed when its visit is over."""
    process = start_demo(tmp_path_factory.mktemp("staying"), PYTHONUNBUFFERED="1", DEMO_IMPORT_PAUSE="0")
    try:
        yield "".join(iter(lambda: until_ready(process), ""))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=50)
    assert process.returncode == 0


def until_ready(process: subprocess.Popen[str]) -> str:
    """Return the next line; an empty one after the last before the demo waits for Ctrl-C."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the demo ended by itself"
    return "" if line.startswith("Ctrl-C stops everything.") else line


@pytest.fixture(scope="module")
def admin(staying: str) -> Browser:
    """A browser that has logged in with what was printed."""
    site = re.search(r"Admin +(http://[^ ]+)/admin/", staying)
    login = re.search(r"Login +(\S+) / (\S+)", staying)
    assert site is not None, staying
    assert login is not None, staying
    browser = Browser(site[1])
    page = browser.submit("/admin/login/?next=/admin/", on="/admin/login/", username=login[1], password=login[2])
    assert page.url.endswith("/admin/")
    return browser


def test_the_login_that_it_prints_opens_the_admin(admin: Browser) -> None:
    assert "Site administration" in admin.get("/admin/").text


def test_one_schedule_is_from_the_code_and_one_was_made_in_the_admin_and_both_are_fired(admin: Browser) -> None:
    page = admin.get("/admin/celeriac/periodictask/").text
    assert "every minute" in page, "the ranking, which the code declares"
    assert "every 3 seconds" in page
    address = re.search(r'href="(/admin/celeriac/periodictask/\d+/change/)[^"]*">look for articles', page)
    assert address is not None, page
    deadline = time.monotonic() + 30
    while "succeeded" not in admin.get(address[1]).text:
        assert time.monotonic() < deadline, "a worker runs it every 3 seconds"
        time.sleep(0.2)
