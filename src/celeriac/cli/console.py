"""Standard output and error, as they come from the system: in any encoding, to a terminal, a file or a pipe."""

from __future__ import annotations

import io
import sys


def prepare() -> None:
    """Never fail over a character that the console cannot show: write its backslash escape. Show each line at once."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where a test or an embedding program has put something else
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
