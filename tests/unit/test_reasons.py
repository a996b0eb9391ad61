"""The check that whoever switches a check off says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "reasons.py"


def run(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, source.parent], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa" + ": BLE001 - a broken __str__ must not hide the failure",
        "# noqa" + ": BLE001, A001 - Celery's public name",
        "# type: " + "ignore[misc]  # the base is made at run time",
        "# an ordinary comment",
    ],
)
def test_a_switch_with_its_reason_passes(tmp_path: Path, comment: str) -> None:
    (tmp_path / "module.py").write_text(f"x = 1  {comment}\n")
    assert run(tmp_path / "module.py").returncode == 0


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa" + ": BLE001",
        "# noqa" + ": BLE001, A001",
        "# type: " + "ignore[misc]",
        "# type: " + "ignore[misc]  # noqa: A001",
    ],
)
def test_a_switch_without_a_reason_fails_and_is_shown(tmp_path: Path, comment: str) -> None:
    (tmp_path / "module.py").write_text(f"x = 1\ny = 2  {comment}\n")
    done = run(tmp_path / "module.py")
    assert done.returncode == 1
    assert f"module.py:2: {comment}" in done.stdout
