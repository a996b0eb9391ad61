"""Numbers as people write them on the command line."""

from __future__ import annotations

import argparse

from celeriac.engine.translation import gettext as _


def seconds(text: str) -> float:
    """Return a positive number of seconds."""
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(_("{text} is not a positive number of seconds").format(text=text))
    return value


def positive(text: str) -> int:
    """Return a positive whole number."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(_("{text} is not a positive whole number").format(text=text))
    return value
