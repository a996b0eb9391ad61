"""``python -m celeriac.cli.template CHANNEL``: the template process, started by a master."""

from __future__ import annotations

import socket
import sys

from celeriac.cli import console
from celeriac.cli.worker import Flags
from celeriac.engine.ipc.channel import Channel
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.template import serve


def load() -> Project:
    """Import the project. Here, so that an error of it is reported like any other."""
    from celeriac.worker import load_project

    return load_project(Flags.from_environment())


if __name__ == "__main__":
    console.prepare()
    serve(Channel(socket.socket(fileno=int(sys.argv[1]))), load)
