"""Make the virtual environments that the Makefile uses: each once, refreshed when pyproject.toml changes.

Usage: python3 tools/environment.py demo|test|dev

Runs on a machine that has Python and nothing else, so it uses the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
EXTRAS = ("demo", "test", "dev")  # each holds the ones before it


@dataclass(frozen=True)
class Environment:
    """One virtual environment: where it is, which interpreter made it, and which Django it has."""

    folder: Path
    interpreter: str
    django: str

    @property
    def python(self) -> Path:
        """The interpreter inside."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file that says what was installed from which pyproject.toml."""
        return self.folder / "installed.json"

    def ensure(self, extra: str) -> None:
        """Make it hold ``celeriac[extra]``. Does nothing where it does already."""
        version = version_of(self.interpreter)
        if version_of(str(self.python)) != version:
            self._create()
        if not self._is_fresh(extra):
            print(f"Installing celeriac[{extra}] for Python {version} with {self.django} in {self.folder.name} ...", flush=True)
            self._install(extra)

    def django_version(self) -> str:
        """The Django that is really installed."""
        code = "import django; print(django.__version__)"
        return subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    def _create(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._try_to_create():
            return
        install_venv_package()
        if not self._try_to_create():
            raise SystemExit(f"{self.interpreter} cannot make a virtual environment: install its venv and ensurepip modules.")

    def _try_to_create(self) -> bool:
        made = subprocess.run([self.interpreter, "-m", "venv", self.folder], capture_output=True, text=True, check=False)
        if made.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
        return made.returncode == 0

    def _install(self, extra: str) -> None:
        pip = [str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--editable", f".[{extra}]", self.django], cwd=ROOT, check=False)
        if done.returncode:
            raise SystemExit(f"pip could not install celeriac[{extra}] into {self.folder.name}; its message is above.")
        if extra != "demo" and can_build_mysqlclient():
            self._build_mysqlclient(pip)
        self.stamp.write_text(json.dumps({"extra": extra, "source": self._source()}))

    def _build_mysqlclient(self, pip: list[str]) -> None:
        """Without it the tests of MariaDB run with PyMySQL, which is enough on a laptop."""
        done = subprocess.run([*pip, "--editable", ".[mysql]"], cwd=ROOT, check=False)
        if done.returncode and os.environ.get("CI"):
            raise SystemExit(f"mysqlclient could not be built for {self.folder.name}; pip's message is above.")
        if done.returncode:
            print("mysqlclient could not be built here; the tests of MariaDB run with PyMySQL.", flush=True)

    def _is_fresh(self, extra: str) -> bool:
        if not self.stamp.exists():
            return False
        installed = json.loads(self.stamp.read_text())
        return bool(installed["source"] == self._source()) and EXTRAS.index(installed["extra"]) >= EXTRAS.index(extra)

    def _source(self) -> str:
        driver = b"mysqlclient" if can_build_mysqlclient() else b""
        return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + self.django.encode() + driver).hexdigest()


def version_of(interpreter: str) -> str | None:
    """Return the version of an interpreter, or None where it does not run: a pyenv shim may exist and still fail."""
    code = "import platform; print(platform.python_version())"
    try:
        answer = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def can_build_mysqlclient() -> bool:
    """Return whether a compiler and MariaDB's C library are here. mysqlclient has no wheels but for Windows."""
    if not (shutil.which("cc") and shutil.which("pkg-config")):
        return False
    return subprocess.run(["pkg-config", "--exists", "mariadb"], check=False).returncode == 0


def install_venv_package() -> None:
    """Debian and Ubuntu keep ensurepip in a package of its own."""
    if shutil.which("apt-get") is None:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print("Python's venv module is incomplete here: installing the package python3-venv ...", flush=True)
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "python3-venv"]):
        subprocess.run([*prefix, *command], stdout=subprocess.DEVNULL, check=False)


def default() -> Environment:
    """The environment of the interpreter that runs this, with the oldest Django that is supported."""
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"Celeriac needs Python {OLDEST[0]}.{OLDEST[1]} or later; {sys.executable} is {sys.version.split()[0]}."
        )
    return Environment(ROOT / ".venv", sys.executable, "Django~=5.2.0")


def main() -> None:
    """Make the default environment hold the extra named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        raise SystemExit(f"Usage: python3 tools/environment.py {'|'.join(EXTRAS)}")
    default().ensure(sys.argv[1])


if __name__ == "__main__":
    main()
