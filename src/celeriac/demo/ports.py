"""Ports that nobody uses."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def free_port(preferred: int) -> int:
    """Return ``preferred`` where it is free, else any port that is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # As servers do it: a port whose last connections are still being forgotten counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit(f"No port is free on {HOST}.")
