"""``python -m celeriac.cli.master``: the master in a fresh interpreter, by the flags in the environment."""

from __future__ import annotations

import sys

from celeriac.cli.worker import Flags, run_master

if __name__ == "__main__":
    sys.exit(run_master(Flags.from_environment()))
