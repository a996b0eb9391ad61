"""What may be in the columns that say what happens to ticks that were missed, that overlap, or that are put off."""

from __future__ import annotations

from math import inf
from typing import Any

from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

MISFIRES = ("skip", "once", "all")
OVERLAPS = ("allow", "skip", "queue")
MOST = 32_767
"""What the column of the misfire limit can hold."""


def policy_problems(misfire: Any, misfire_limit: Any, overlap: Any, jitter: Any) -> dict[str, str]:
    """Return a sentence for each of these columns that is wrong."""
    problems: dict[str, str] = {}
    if misfire not in MISFIRES:
        problems["misfire"] = _none_of("misfire", misfire, MISFIRES)
    if not isinstance(misfire_limit, int) or not 1 <= misfire_limit <= MOST:
        text = _("misfire_limit is {limit!r}; expected 1 to {most}. To run nothing that was missed, set misfire to skip.")
        problems["misfire_limit"] = text.format(limit=misfire_limit, most=MOST)
    if overlap not in OVERLAPS:
        problems["overlap"] = _none_of("overlap", overlap, OVERLAPS)
    if not isinstance(jitter, int | float) or not 0 <= jitter < inf:
        text = _("jitter is {jitter!r}; expected seconds, 0 or more: no job can run before its time.")
        problems["jitter"] = text.format(jitter=jitter)
    return problems


def _none_of(column: str, value: Any, known: tuple[str, ...]) -> str:
    text = _("{column} is {value!r}; expected one of {known}.{hint}")
    return text.format(column=column, value=value, known=", ".join(known), hint=did_you_mean(str(value), known))
