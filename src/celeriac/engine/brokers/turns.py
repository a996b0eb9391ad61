"""The turns of a rate limit: evenly spaced, each given away once, whoever asks. The same for every broker."""

from __future__ import annotations

AHEAD = 1000
"""How many waiting jobs are looked at, when one was put off, for more that would be claimed in vain."""


def next_turns(free: float, now: float, apart: float, count: int) -> list[float]:
    """Return the times of the next ``count`` turns and, at the end, of the first that is then free.

    ``free`` is the first that nobody has yet. Turns that went by unused are lost: a pause is not followed by a rush.
    """
    first = max(free, now)
    return [first + place * apart for place in range(count + 1)]
