"""How many jobs a worker runs at a time: what was asked for, or what this machine bears."""

from __future__ import annotations

import logging

from celeriac.cli.worker import Flags
from celeriac.conf import Settings
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.options import COROUTINES
from celeriac.engine.worker import capacity

logger = logging.getLogger("celeriac.worker")


def choose(pool: str, flags: Flags, settings: Settings) -> int:
    """Return the number for a pool. Call it after the project's import, which is what a child's size is taken from.

    Raises ``ImproperlyConfigured`` for a ``-c`` whose children do not fit in the free memory.
    """
    if pool == "solo":
        return 1
    asked = flags.concurrency or settings.concurrency
    if flags.running is not None:
        return asked or flags.running
    if pool == "asyncio":
        return asked or COROUTINES
    if pool != "prefork":
        return asked or capacity.usable_cpus()
    found = capacity.measure()
    if asked is None:
        return found.default_children()
    if not flags.force:
        _require_room(found, asked, flags)
    return asked


def _require_room(found: capacity.Capacity, asked: int, flags: Flags) -> None:
    """A setting serves machines of all sizes, so one that does not fit here is only warned of."""
    try:
        found.require_room_for(asked)
    except ImproperlyConfigured as error:
        if flags.concurrency:
            raise
        logger.warning("CELERY_WORKER_CONCURRENCY is %d. %s", asked, error)
