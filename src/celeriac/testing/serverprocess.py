"""What the servers of the tests share: a process in a temporary folder that is started, waited for, interrupted and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self


class ServerFailed(RuntimeError):
    """A server did not start or stop in time. The message ends with what its log says."""


class ServerProcess(ABC):
    """A server of one's own. Each wait is bounded by ``patience`` seconds and ends in ``ServerFailed``.

    A kind of server says what its command is, when it is ready and, where there is something to do before its first start,
    how it is installed. ``owner`` is the user and group it runs as, where that is somebody else.
    """

    name: ClassVar[str]
    """What it is called in messages: the name of its program."""
    folder_prefix: ClassVar[str]
    ending: ClassVar[signal.Signals] = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM
    """The signal that ends it at once."""

    def __init__(self, patience: float, owner: tuple[int, int] | None = None) -> None:
        self._patience = patience
        self._owner = owner
        self._place = short_temporary_folder()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # -- what kinds say ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the program and its arguments. The folder exists."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Return whether it can be used. Asked again and again after the launch."""

    def _install(self) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """Prepare the new folder."""

    def _environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        return dict(os.environ)

    # -- where it is ---------------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The temporary folder: data, log and socket. Raises ``ServerFailed`` before ``start``."""
        if self._folder is None:
            raise ServerFailed("The server was not started: call start(), or use it in a with statement.")
        return self._folder

    @property
    def pid(self) -> int | None:
        """The process id, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    # -- starting and stopping -----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start, empty the first time. Returns once it answers."""
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Start, and do not wait."""
        if self._folder is None:
            self._create()
        if self.pid is None:
            self._process = self._popen(self._command())

    def wait_until_ready(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + self._patience
        while not self._is_ready():
            if self._process is None or self._process.poll() is not None:
                raise self._failed(f"{self.name} ended with {self._process and self._process.returncode}")
            if time.monotonic() > deadline:
                self.interrupt()
                raise self._failed(f"{self.name} was not ready after {self._patience:g} s")
            time.sleep(0.01)

    def interrupt(self) -> None:
        """End the process and keep the data: every connection breaks, as when the machine under it goes down."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self.ending)
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Interrupt, then start on the same data: an outage. Returns once it answers again."""
        self.interrupt()
        self.start()

    def stop(self) -> None:
        """Stop, and delete everything."""
        self.interrupt()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # -- how -----------------------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        # Directly under the system's folder: the path of a Unix socket must stay under some 100 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix=self.folder_prefix, dir=self._place))
        try:
            if self._owner is not None:
                os.chown(self._folder, *self._owner)
            self._install()
        except BaseException:
            self.stop()
            raise

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, *command: str) -> None:
        """Run a program of it to its end. Raises ``ServerFailed`` where that is not well."""
        process = self._popen(command)
        try:
            status = process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise self._failed(f"{Path(command[0]).name} was not done after {self._patience:g} s") from None
        if status:
            raise self._failed(f"{Path(command[0]).name} ended with {status}")

    def _popen(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        owner: dict[str, Any] = {}
        if self._owner is not None:
            owner = {"user": self._owner[0], "group": self._owner[1], "extra_groups": []}
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder,
                env=self._environment(), **owner,
            )  # fmt: skip

    def _failed(self, what: str) -> ServerFailed:
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return ServerFailed(f"{what}. The end of its log:\n{log[-2_000:]}")


def require(program: object, missing: str) -> None:
    """Skip the test where there is no such server, saying what is missing; on a build machine, which has them all, fail."""
    if program is not None:
        return
    import pytest  # a test is running, so it is there

    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def free_port() -> int:
    """Return a port of this machine that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def short_temporary_folder() -> str | None:
    """Return a folder for temporary files with a short path, or None for the usual one."""
    return "/tmp" if sys.platform != "win32" and os.access("/tmp", os.W_OK | os.X_OK) else None


def unprivileged_user() -> tuple[int, int] | None:
    """Return user and group id of somebody who is not root, for servers that refuse to be; None where we are not root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd  # Unix has it

    users = {user.pw_name: user for user in pwd.getpwall() if user.pw_uid != 0}
    for name in ("nobody", "postgres", *users):
        if name in users:
            return users[name].pw_uid, users[name].pw_gid
    return 65_534, 65_534
