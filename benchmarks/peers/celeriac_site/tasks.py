"""The job that is measured."""

from __future__ import annotations

from benchmarks.clocks import clock_in
from celeriac import shared_task


@shared_task
def measured(number: int, text: str) -> int:
    """Clock in."""
    clock_in(number)
    return number
