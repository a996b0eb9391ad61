"""The jobs that are measured: no work, and a result that is kept."""

from __future__ import annotations

import time

from celeriac import shared_task


@shared_task
def no_op(number: int, text: str) -> int:
    """Return the first argument."""
    return number


@shared_task
def clock_in() -> float:
    """Return when the body began, in seconds since 1970. Caller and worker share the machine, so they share its clock."""
    return time.time()
