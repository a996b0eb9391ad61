"""Rate limits as Celery writes them: ``"10/s"``, ``"100/m"``, ``"5/h"``, or a number a second (celery.utils.time)."""

from __future__ import annotations

from math import isfinite
from typing import Any

from celeriac.engine.translation import gettext as _

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_apart(rate: Any) -> float:
    """Return how many seconds lie between two starts at ``rate``; 0.0 for None and for 0, which mean no limit.

    Raises ``ValueError`` for what is no rate.
    """
    number, _slash, unit = rate.partition("/") if isinstance(rate, str) else (rate, "", "s")
    try:
        per_unit = float(number or 0)
    except (TypeError, ValueError):
        per_unit = -1.0
    unit = unit.strip() or "s"
    if isinstance(rate, bool) or unit not in _SECONDS or per_unit < 0 or not isfinite(per_unit):
        raise ValueError(_('a number a second, or a text such as "10/s", "100/m" or "5/h"; None or 0 for no limit'))
    return _SECONDS[unit] / per_unit if per_unit else 0.0


def check_rate(task: str, rate: Any) -> None:
    """Raise ``ValueError`` for a ``rate_limit`` of a task that is none."""
    try:
        seconds_apart(rate)
    except ValueError as error:
        raise ValueError(
            _("{name}: rate_limit is {rate!r}; expected {error}.").format(name=task, rate=rate, error=error)
        ) from None
