"""When a failed attempt is tried again, and after how long: pure functions (celery.app.autoretry, celery.utils.time)."""

from __future__ import annotations

import random
from collections.abc import Callable

from celeriac.engine.registry import RunnableTask

NEVER = None


def backoff(factor: float, retries: int, maximum: float, jitter: bool, pick: Callable[[int], int] = random.randrange) -> float:
    """Return the seconds to wait before retry number ``retries + 1``: ``factor * 2**retries``, at most ``maximum``.

    With ``jitter`` a whole number from 0 up to that is picked (full jitter), as Celery does.
    """
    # 2**retries overflows a float past 1023 and any sane maximum long before that.
    countdown = min(maximum, factor * 2 ** min(retries, 64))
    return float(pick(int(countdown) + 1)) if jitter else float(countdown)


def retries_left(max_retries: int | None, retries: int) -> bool:
    """Return whether one more retry is allowed. ``None`` means for ever."""
    return max_retries is None or retries < max_retries


def automatic_delay(
    task: RunnableTask, error: BaseException, retries: int, pick: Callable[[int], int] = random.randrange
) -> float | None:
    """Return after how many seconds ``autoretry_for`` tries again.

    ``NEVER``: the error is not one of those, or no retry is left.
    """
    if not isinstance(error, task.autoretry_for) or isinstance(error, task.dont_autoretry_for):
        return NEVER
    options = task.retry_kwargs
    if not retries_left(options.get("max_retries", task.max_retries), retries):
        return NEVER
    if task.retry_backoff:
        factor = int(max(1.0, task.retry_backoff))
        return backoff(factor, retries, task.retry_backoff_max, task.retry_jitter, pick)
    return float(options.get("countdown", task.default_retry_delay))
