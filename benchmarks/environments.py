"""A virtual environment for each peer, made at first use and kept outside the repository."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

VERSIONS = Path(__file__).with_name("versions.toml")
CACHE = "CELERIAC_BENCHMARK_CACHE"
"""Names the folder of the environments; by default one in the user's cache."""
PATIENCE = 900.0


class NotInstallable(RuntimeError):
    """A peer's environment could not be made. The message says what pip said."""


def versions() -> dict[str, list[str]]:
    """Return what each peer's environment holds: requirements of pip, pinned."""
    return tomllib.loads(VERSIONS.read_text())


def cache() -> Path:
    """Return the folder that the environments are in."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(home) / "celeriac-benchmarks")


def python_of(name: str | None) -> str:
    """Return the interpreter of a peer's environment, made where it is missing. None: the one that runs this.

    Raises ``NotInstallable``.
    """
    if name is None:
        return sys.executable
    packages = versions()[name]
    mark = hashlib.sha256(json.dumps([packages, sys.version_info[:2]]).encode()).hexdigest()[:10]
    folder = cache() / f"{name}-{mark}"
    python = folder / "bin" / "python"
    finished = folder / "finished"
    if not finished.exists():
        print(f"Installing {', '.join(packages)} into {folder} ...", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        _install(python, packages)
        finished.touch()
    return str(python)


def _install(python: Path, packages: list[str]) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise NotInstallable(f"pip could not install {', '.join(packages)}:\n{done.stderr[-2000:]}")
