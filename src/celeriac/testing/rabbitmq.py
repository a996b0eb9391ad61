"""A real RabbitMQ server for tests, from the system's packages: ``apt-get install rabbitmq-server`` (or ``make services``)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.testing.serverprocess import ServerFailed, ServerProcess, free_port, require, unprivileged_user

PACKAGE = "rabbitmq-server"
MISSING = f"RabbitMQ's server is missing. Install it with 'make services', or with the system's package {PACKAGE}."
MEMORY = "/dev/shm"
"""A folder in memory, where there is one: Linux has it."""
_PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/sbin")
"""Debian's scripts in /usr/sbin run as the user rabbitmq only, with the system's folders: the ones behind them do not."""


def rabbitmq_program(name: str = "rabbitmq-server") -> str | None:
    """Return the path of one of RabbitMQ's programs, or None where it is missing."""
    return shutil.which(name, path=os.pathsep.join(_PLACES)) or shutil.which(name)


def require_rabbitmq() -> None:
    """Skip the test where there is no RabbitMQ; on a build machine, fail."""
    require(rabbitmq_program(), MISSING)


class RabbitServer(ServerProcess):
    """A RabbitMQ node of one's own, on free ports of loopback, with its data in a temporary folder.

    It takes some seconds to start: tests share one. ``settings`` are lines of ``rabbitmq.conf``. With ``in_memory`` its data is
    in memory where the system has a folder there: it survives ``kill -9`` as it would on a disk, and waits for none.
    """

    name = "rabbitmq-server"
    folder_prefix = "celeriac-rabbit-"

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 90.0, in_memory: bool = False) -> None:
        super().__init__(patience, unprivileged_user())
        if in_memory and os.access(MEMORY, os.W_OK | os.X_OK):
            self._place = MEMORY
        program, control = rabbitmq_program(), rabbitmq_program("rabbitmqctl")
        if program is None or control is None:
            raise ServerFailed(MISSING)
        self._program, self._control = program, control
        self._settings = settings or {}
        self._names: subprocess.Popen[bytes] | None = None
        self.port, self._node_port, self._names_port = free_port(), free_port(), free_port()

    def url(self, login: str = "guest:guest", virtual_host: str = "/", **options: Any) -> str:
        """Return a URL of the server."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        place = f"amqp://{login}@127.0.0.1:{self.port}/{virtual_host.replace('/', '%2f')}"
        return f"{place}?{query}" if query else place

    def control(self, *command: str) -> str:
        """Run ``rabbitmqctl`` and return what it says. It takes a second or two."""
        owner: dict[str, Any] = {}
        if self._owner is not None:
            owner = {"user": self._owner[0], "group": self._owner[1], "extra_groups": []}
        done = subprocess.run(
            [self._control, "--quiet", *command],
            env=self._environment(), cwd=self.folder, capture_output=True, text=True, timeout=self._patience, check=False,
            **owner,
        )  # fmt: skip
        if done.returncode:
            raise ServerFailed(f"rabbitmqctl {' '.join(command)}: {done.stdout}{done.stderr}")
        return str(done.stdout)

    # -- how -----------------------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        lines = {
            "listeners.tcp.default": f"127.0.0.1:{self.port}", "log.console": "true", "log.console.level": "warning",
            "log.file": "false", **self._settings,
        }  # fmt: skip
        self._write("rabbitmq.conf", "".join(f"{name} = {value}\n" for name, value in lines.items()))
        self._write("enabled_plugins", "[].\n")
        self._write(".erlang.cookie", "celeriac")
        (self.folder / ".erlang.cookie").chmod(0o400)

    def launch(self) -> None:
        """Start, and do not wait. The table of Erlang's nodes, otherwise shared by all of a machine, is started first."""
        if self._names is None:
            self._names = subprocess.Popen(
                [shutil.which("epmd") or "epmd", "-address", "127.0.0.1", "-port", str(self._names_port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self._wait_for_names()
        super().launch()

    def _wait_for_names(self) -> None:
        """Wait until that table is there: a node that finds none starts one of its own, which outlives it."""
        deadline = time.monotonic() + self._patience
        while not _listens(self._names_port):
            if time.monotonic() > deadline:
                raise ServerFailed(f"epmd did not listen on port {self._names_port} after {self._patience:g} s.")
            time.sleep(0.01)

    def keep_queues(self) -> None:
        """Have the node write to its disk which quorum queues it has.

        By itself it does half a second after one was declared, and loses one that was declared just before it is killed.
        """
        self.control("eval", "lists:foreach(fun dets:sync/1, dets:all()).")

    def interrupt(self) -> None:
        """Kill the node, and the scripts that started it."""
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)
        super().interrupt()

    def stop(self) -> None:
        """Stop, and delete everything."""
        super().stop()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        if self._owner is not None:
            os.chown(path, *self._owner)

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return {
            **kept, "HOME": folder, "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": f"celeriac{self.port}@localhost", "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data", "RABBITMQ_LOG_BASE": f"{folder}/logs", "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{folder}/pid", "RABBITMQ_DIST_PORT": str(self._node_port),
            "ERL_EPMD_PORT": str(self._names_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Idle schedulers do not spin: the machine is the tests', too.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none +S 2:2",
        }  # fmt: skip

    def _command(self) -> Sequence[str]:
        return [self._program]

    def _is_ready(self) -> bool:
        """Return whether it answers the protocol's first line, as it does once it has booted."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as probe:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return probe.recv(1) == b"\x01"
        except OSError:
            return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
