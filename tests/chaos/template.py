"""``python -m tests.chaos.template CHANNEL``: the template process of a harness's worker."""

from __future__ import annotations

import socket
import sys

from celeriac.engine.ipc.channel import Channel
from celeriac.engine.worker.template import serve
from tests.chaos.project import load

if __name__ == "__main__":
    serve(Channel(socket.socket(fileno=int(sys.argv[1]))), load)
