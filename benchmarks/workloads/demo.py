"""The memory of the demo project's worker with two children."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.bench import PATIENCE, ROOT, Bench
from benchmarks.processes import Tree

MEMBERS = 5
"""Master, template, keeper and two children."""


def demo(bench: Bench) -> dict[str, float]:
    """Start the demo's worker on a copy of its site and look at it when it is idle."""
    site = Path(bench.place.folder) / "example"
    shutil.copytree(ROOT / "example", site, ignore=shutil.ignore_patterns("var", "__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=site, env=environment, check=True, timeout=PATIENCE)
    with (site / "log").open("wb") as log:
        command = [*manage, "celeriac", "worker", "-c", "2", "--force"]
        worker = subprocess.Popen(command, cwd=site, env=environment, stdout=log, stderr=log)
    try:
        tree = Tree([worker.pid], time.monotonic())
        _wait_until_complete(bench, tree, site / "log")
        time.sleep(bench.scale.rest_seconds)
        return {"demo worker idle, MB": sum(tree.memory().values())}
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


def _wait_until_complete(bench: Bench, tree: Tree, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(tree.members()) < MEMBERS:
        if time.monotonic() > deadline:
            raise bench.failed(f"The demo's worker was not ready after {PATIENCE:g} s: {log.read_text(errors='replace')}")
        time.sleep(0.1)
