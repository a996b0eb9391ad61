"""The job that is measured: no work, two small arguments, a result that is kept."""

from __future__ import annotations

from celeriac import shared_task


@shared_task
def no_op(number: int, text: str) -> int:
    """Return the first argument."""
    return number
