"""``celeriac demo``: the demo site with one scripted visit, where its extra is installed."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from celeriac.engine.translation import gettext as _

NEEDED = ("rich", "aiosmtpd")


def run_demo(options: argparse.Namespace) -> int:
    """Run the demo. Returns its exit status: 2 where it lacks a package."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            _('celeriac demo: it also needs {missing}. Install them: pip install "celeriac[demo]"\n').format(
                missing=" and ".join(missing)
            )
        )
        return 2
    from celeriac.demo.main import run_demo as run  # imports the packages that only the extra brings

    return run(options.once, options.svg)
