"""``python -m celeriac.cli.master``: a worker in a fresh interpreter, by the flags in the environment."""

from __future__ import annotations

import sys

from celeriac.cli import console
from celeriac.cli.worker import Flags, run_flags

if __name__ == "__main__":
    console.prepare()
    sys.exit(run_flags(Flags.from_environment()))
