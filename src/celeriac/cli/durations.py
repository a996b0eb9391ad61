"""Spans of time as people write and read them: ``90s``, ``15m``, ``2h``, ``7d``."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime

from celeriac.engine.translation import gettext as _

SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


def duration(text: str) -> float:
    """Return the seconds that ``90``, ``90s``, ``15m``, ``2h``, ``7d`` or ``1w`` mean."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(
            _("{text!r} is no span of time; write a number and a unit: 90s, 15m, 2h, 7d, 1w").format(text=text)
        )
    return float(found[1]) * SECONDS[found[2] or "s"]


def span(seconds: float | None) -> str:
    """Return a span in its largest units, such as ``2 h 5 min``; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return _("{n} ms").format(n=max(0, round(seconds * 1000)))
    if seconds < 60:
        return _("{n} s").format(n=f"{seconds:.3g}")
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return _("{n} d").format(n=days) + " " + _("{n} h").format(n=hours % 24)
    if hours:
        return _("{n} h").format(n=hours) + " " + _("{n} min").format(n=minutes % 60)
    return _("{n} min").format(n=minutes) + " " + _("{n} s").format(n=int(seconds % 60))


def moment(seconds: float | None) -> str:
    """Return a time, in UTC, to the second; a dash for None."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def iso(seconds: float | None) -> str | None:
    """Return a time for programs: ISO 8601, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
