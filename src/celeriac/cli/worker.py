"""``celeriac worker``: becomes the master, which starts everything else.

The master must not import the project. So ``manage.py celeriac worker``, where Django is imported already, replaces its own
process by a fresh interpreter; ``celeriac worker`` is one already.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from celeriac.cli import pidfile
from celeriac.cli.announce import announce
from celeriac.cli.celery_flags import explain_celery_flags
from celeriac.cli.nodename import file_of, node_name
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.master.master import Master
from celeriac.engine.options import HAS_FORK, WorkerOptions
from celeriac.engine.worker.logs import configure

EXIT_FAILED = 1
FLAGS = "CELERIAC_WORKER"
"""The environment variable that carries the command line's options to the processes that need them."""


class Flags(msgspec.Struct, kw_only=True):
    """What the command line says about a worker; None where it says nothing."""

    app: str | None = None
    loglevel: str = "WARNING"
    log_format: str = "plain"
    logfile: str | None = None
    pidfile: str | None = None
    concurrency: int | None = None
    force: bool = False
    running: int | None = None
    """The concurrency of the worker that loads its code anew: while its children run, what is free says nothing."""
    pool: str | None = None
    queues: list[str] | None = None
    exclude_queues: list[str] | None = None
    hostname: str | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None
    path: list[str] = msgspec.field(default_factory=list)
    """Folders that the first process could import from."""

    @property
    def log_file(self) -> Path | None:
        """The file that ``--logfile`` names; None for standard error."""
        return file_of(self.logfile, node_name(self.hostname)) if self.logfile else None

    @property
    def pid_file(self) -> Path | None:
        """The file that ``--pidfile`` names; None for none."""
        return file_of(self.pidfile, node_name(self.hostname)) if self.pidfile else None

    def to_environment(self) -> dict[str, str]:
        """Return the environment for a process that is to read these flags."""
        return {**os.environ, FLAGS: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls) -> Flags:
        """Return the flags that the starting process left in the environment."""
        return msgspec.json.decode(os.environ[FLAGS].encode(), type=cls)


def flags_of(options: argparse.Namespace) -> Flags:
    """Return the worker's flags from the parsed command line."""
    given = {name: getattr(options, name, None) for name in Flags.__struct_fields__ if name != "path"}
    here = str(Path.cwd())
    path = [here, *(entry for entry in sys.path if entry and entry != here and not entry.endswith((".zip", "site-packages")))]
    return Flags(**{name: value for name, value in given.items() if value is not None}, path=path)


def run_worker(options: argparse.Namespace) -> int:
    """Run a worker in this process. Returns its exit status."""
    explain_celery_flags(options)
    flags = flags_of(options)
    if options.autoreload:
        from celeriac.cli.autoreload import run_reloading  # development only

        return run_reloading(flags)
    if "django" in sys.modules and has_master(flags):
        os.execve(sys.executable, worker_command(), flags.to_environment())
    return run_flags(flags)


def has_master(flags: Flags) -> bool:
    """Return whether the worker is a family of processes. Where none can be forked (Windows), it is one with threads."""
    return HAS_FORK and flags.pool != "solo"


def run_flags(flags: Flags) -> int:
    """Be the worker that the flags describe. Returns its exit status."""
    try:
        with pidfile.holding(flags.pid_file):
            return run_master(flags) if has_master(flags) else _run_here(flags)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED


def worker_command() -> list[str]:
    """Return the command that becomes a worker by the flags in the environment."""
    return [sys.executable, "-m", "celeriac.cli.master"]


def template_command() -> Sequence[str]:
    """Return the command that becomes a template; the number of its channel is appended."""
    return [sys.executable, "-m", "celeriac.cli.template"]


def run_master(flags: Flags) -> int:
    """Be the master. Returns the exit status."""
    os.environ.update({FLAGS: flags.to_environment()[FLAGS]})
    configure(flags.loglevel, flags.log_format, file=flags.log_file)

    def announce_once_started(options: WorkerOptions, info: WorkerInfo) -> None:
        announce(options, info)
        os.environ.update(msgspec.structs.replace(flags, running=options.concurrency).to_environment())

    return Master(template_command(), announce_once_started).run()


def _run_here(flags: Flags) -> int:
    os.environ.update({FLAGS: flags.to_environment()[FLAGS]})
    from celeriac.cli.solo import run_solo  # imports the project into this process

    return run_solo(flags)
