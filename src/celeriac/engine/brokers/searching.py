"""A search that looks at one record after the other, for stores that cannot filter by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from celeriac.engine.brokers.base import Found
from celeriac.engine.job import LIVE, Job

if TYPE_CHECKING:
    from celeriac.engine.brokers.base import Store


def looked_through(records: Iterable[Job], where: Mapping[str, Any], limit: int, depth: int, text: str) -> Found:
    """Return up to ``limit`` of the next ``depth`` records, which come the newest first, that fit."""
    wanted = text.encode("utf-8", "surrogatepass")
    found = Found()
    for looked, job in enumerate(records, 1):
        found.reached = job.created
        if all(getattr(job, name) == value for name, value in where.items()) and _mentions(job, text, wanted):
            found.jobs.append(job)
        if len(found.jobs) == limit or looked == depth:
            found.before = job.number
            break
    return found


def _mentions(job: Job, text: str, wanted: bytes) -> bool:
    return not text or job.id.startswith(text) or text in job.task or wanted in job.payload


def by_finding(
    store: Store, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
) -> Found:
    """Search with what ``find`` returns: what has not ended is listed apart, so it is not picked out of everything."""
    listed = {"state": where["state"]} if where.get("state") in LIVE else {}
    return looked_through(store.find(listed, depth, before), where, limit, depth, text)
