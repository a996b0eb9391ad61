"""Look for the servers that the tests start for themselves, and install with apt what is missing, where that is allowed.

Usage: python3 tools/services.py

MariaDB, Redis, RabbitMQ and Chromium come from the system, and so does what builds mysqlclient; PostgreSQL and Valkey come
with the test environment. No system-wide server is started: the tests start their own, on free ports in temporary folders.
Ends with 1 where one is missing and the environment variable CI is set, else with 0: on a laptop, the tests that need it are
skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLACES = os.pathsep.join(
    ("/usr/sbin", "/usr/local/sbin", "/usr/lib/rabbitmq/bin", "/usr/libexec", "/opt/homebrew/bin", "/opt/homebrew/sbin")
)
PATIENCE = 600
"""Seconds for one run of apt."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian's packages ask whether they may start their server."""


@dataclass(frozen=True)
class Service:
    """A server, or a tool: its name, its program, and the package of Debian and Ubuntu that brings it."""

    name: str
    program: str
    package: str

    def found(self) -> str | None:
        """Return where its program is, or None."""
        return shutil.which(self.program) or shutil.which(self.program, path=PLACES)


SERVICES = (
    Service("MariaDB", "mariadbd", "mariadb-server"),
    Service("Redis", "redis-server", "redis-server"),
    Service("RabbitMQ", "rabbitmq-server", "rabbitmq-server"),
    # The browser that the tests of the admin's pages drive.
    Service("Chromium", "chromium", "chromium"),
    Service("driver of Chromium", "chromedriver", "chromium-driver"),
    # What builds mysqlclient, the driver that Django names first for MariaDB; without, the tests use PyMySQL.
    Service("compiler", "cc", "build-essential"),
    Service("pkg-config", "pkg-config", "pkg-config"),
    Service("C headers of Python", "python3-config", "python3-dev"),
    Service("C library of MariaDB", "mariadb_config", "libmariadb-dev"),
)


def missing() -> list[Service]:
    """Return the services whose programs are not here."""
    return [service for service in SERVICES if service.found() is None]


def as_root() -> list[str] | None:
    """Return what to write before a command so that root runs it, or None where nobody lets us."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    asked = sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked and asked.returncode == 0 else None


@contextmanager
def nothing_started(root: Sequence[str]) -> Iterator[None]:
    """Keep packages from starting their servers, as long as the block lasts and unless the machine has its own rule."""
    if POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix="policy-rc.d") as rule:
        rule.write("#!/bin/sh\nexit 101\n")
        rule.flush()
        subprocess.run([*root, "install", "-m", "755", rule.name, str(POLICY)], check=False)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(POLICY)], check=False)


def install(services: Sequence[Service], root: Sequence[str]) -> None:
    """Install packages with apt. What apt says is shown only when it fails."""
    packages = [service.package for service in services]
    print(f"Installing {', '.join(packages)} with apt ...", flush=True)
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    with nothing_started(root):
        for command in ("update", "install"):
            rest = [command, "-y", "--no-install-recommends", *packages] if command == "install" else [command]
            try:
                done = subprocess.run([*apt, *rest], capture_output=True, text=True, timeout=PATIENCE, check=False)
            except subprocess.TimeoutExpired:
                print(f"apt-get {command} was not done after {PATIENCE} s.", flush=True)
                return
            if done.returncode:
                print(f"apt-get {command} ended with {done.returncode}:\n{done.stderr[-2000:]}", flush=True)


def report() -> str:
    """Return one line a service: where it is, or how to get it."""
    lines = []
    for service in SERVICES:
        place = service.found()
        lines.append(f"  {service.name:20} {place or f'missing: install the package {service.package}'}")
    return "\n".join(lines)


def main() -> None:
    """Install what is missing where we may, then say what is there."""
    lacking = missing()
    if lacking:
        root = as_root()
        if root is None:
            print("Cannot install what is missing: that takes apt-get, and root or sudo without a password.")
        else:
            install(lacking, root)
    print("Servers and tools for the tests:\n" + report(), flush=True)
    raise SystemExit(1 if missing() and os.environ.get("CI") else 0)


if __name__ == "__main__":
    main()
