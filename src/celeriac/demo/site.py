"""The site's processes: the database made ready, then web server and worker together."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from celeriac.cli import processgroup
from celeriac.demo.ports import HOST

PREPARING, STARTING, STOPPING = 60.0, 30.0, 45.0  # the most seconds each may take
POLL = 0.05


def project() -> Path:
    """Return the folder of the demo's Django project: in an installed package beside this file, in a checkout ``example/``."""
    here = Path(__file__).resolve()
    installed = here.parent / "example"
    return installed if installed.exists() else here.parents[3] / "example"


class SiteFailed(Exception):
    """A process of the site did not do what it should. The message holds the end of its log."""


@dataclass
class Site:
    """The demo site in one folder, on one port."""

    folder: Path
    port: int
    mail_port: int
    admin: str = "gardener"
    password: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.password = self.password or secrets.token_urlsafe(9)
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "garden.settings",
            "DEMO_DATA_DIR": str(self.folder),
            "DEMO_MAIL_PORT": str(self.mail_port),
            "DEMO_RANKING_MINUTE": "*",
            "DEMO_SECRET_KEY": secrets.token_urlsafe(32),
            "DJANGO_SUPERUSER_PASSWORD": self.password,
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def url(self) -> str:
        """Where the site is."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What web server and worker print."""
        return self.folder / "site.log"

    def prepare(self) -> None:
        """Make the tables, the admin's login, the first articles and a past."""
        self._manage("migrate", "--verbosity=0")
        self._manage("createsuperuser", "--noinput", f"--username={self.admin}", "--email=gardener@garden.example")
        self._manage("plant")

    def start(self) -> None:
        """Start web server and worker, and return when the site answers."""
        command = [
            *(sys.executable, str(project() / "manage.py"), "celeriac", "up"),
            *("--bind", f"{HOST}:{self.port}", "--concurrency", "2", "--loglevel", "info"),
        ]
        with self.log.open("wb") as log:
            # Ctrl-C then reaches the demo alone, which stops the site in its own time.
            self.process = processgroup.start(command, self.environment, log)
        deadline = time.monotonic() + STARTING
        while not self._answers():
            self.check()
            if time.monotonic() > deadline:
                raise SiteFailed(f"The site did not answer within {STARTING:.0f} s.\n{self.last_words()}")
            time.sleep(POLL)

    def check(self) -> None:
        """Raise where the site has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise SiteFailed(f"The site ended with exit code {self.process.returncode}.\n{self.last_words()}")

    def stop(self) -> None:
        """Let both finish in their own time; force only where that does not help."""
        if self.process is not None:
            processgroup.stop(self.process, STOPPING)

    def last_words(self, lines: int = 25) -> str:
        """Return the end of the log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _manage(self, *arguments: str) -> None:
        command = [sys.executable, str(project() / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PREPARING, check=False)
        if done.returncode:
            raise SiteFailed(f"manage.py {arguments[0]} ended with exit code {done.returncode}.\n{done.stdout}{done.stderr}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """Start ``site`` and see to it that it is stopped, whatever happens meanwhile."""
    try:
        site.start()
        yield site
    finally:
        site.stop()
