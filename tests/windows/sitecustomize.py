"""Makes an interpreter lack what Windows lacks, before anything of Celeriac is imported. Put this folder on PYTHONPATH.

What is imported first here chose its own ways by platform already, and must not choose again. Then ``fork``, ``fcntl``, Unix
sockets, most signals and more go, and ``select`` refuses what it refuses on Windows. Paths stay as they are.
"""

import asyncio  # noqa: F401 - as the docstring says, like all below
import ctypes  # noqa: F401 - as above
import importlib.abc
import multiprocessing.connection  # noqa: F401 - as above
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import uuid  # noqa: F401 - as above
from importlib.util import find_spec

for package in ("psutil", "rich.console", "aiosmtpd.controller", "psycopg"):
    if find_spec(package.partition(".")[0]) is not None:
        __import__(package)

MODULES = frozenset({"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"})
OF_OS = (
    "fork forkpty register_at_fork getuid geteuid getgid getegid killpg getpgid getpgrp setpgid setpgrp setsid set_blocking"
    " sysconf uname getloadavg sched_getaffinity pipe2 mkfifo chown nice wait wait3 wait4 waitid memfd_create eventfd"
)
OF_SOCKET = "AF_UNIX send_fds recv_fds CMSG_LEN CMSG_SPACE SCM_RIGHTS"
OF_SIGNAL = "alarm setitimer getitimer ITIMER_REAL pause pthread_kill pthread_sigmask sigwait siginterrupt"
SIGNALS = frozenset({"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM"})
BREAK = int(signal.SIGUSR2)


class Absent(importlib.abc.MetaPathFinder):
    """Windows' Python is built without these modules."""

    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def hide(module, names):
    """Delete what is there of ``names``."""
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def strict_select(reading, writing, failing, timeout=None, select=select.select):
    """Wait for sockets, and for nothing else; an empty wait is an error (WSAEINVAL), another descriptor too (WSAENOTSOCK)."""
    sources = [*reading, *writing, *failing]
    if not sources:
        raise OSError(10022, "An invalid argument was supplied")
    for source in sources:
        if not stat.S_ISSOCK(os.fstat(source if isinstance(source, int) else source.fileno()).st_mode):
            raise OSError(10038, "An operation was attempted on something that is not a socket")
    return select(reading, writing, failing, timeout)


def pair(pair=socket.socketpair, family=socket.AF_UNIX):
    """Two sockets; which kind makes no difference to who uses them."""
    return pair(family)


for name in MODULES:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
socket.socketpair = pair
select.select = strict_select
hide(os, OF_OS.split())
hide(socket, OF_SOCKET.split())
hide(signal, OF_SIGNAL.split())
hide(signal, [name for name in dir(signal) if name.startswith("SIG") and name[3].isalpha() and name not in SIGNALS])
signal.SIGBREAK = signal.CTRL_BREAK_EVENT = BREAK
subprocess.CREATE_NEW_PROCESS_GROUP = 0
sys.platform = "win32"
