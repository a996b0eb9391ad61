"""Jobs as RabbitMQ carries them: a message is a parcel of one job, or of many that were enqueued together for one queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from celeriac.engine.brokers.rabbitmq.address import LONGEST, Address
from celeriac.engine.job import Job

MOST_JOBS = 100
MOST_BYTES = 256 * 1024
"""Of payloads in one parcel; a single job may be larger."""
URGENT = 9
"""Quorum queues know two priorities, from version 4 on: above 4, and the rest."""

_packed = msgspec.msgpack.Encoder().encode
unpacked = msgspec.msgpack.Decoder(list[Job]).decode
"""Return the jobs of a parcel's body. Raises ``msgspec.MsgspecError`` for what is none."""


class Parcel(NamedTuple):
    """One message: the queue's name at the server, its properties, its body."""

    queue: str
    properties: dict[str, Any]
    body: bytes


def parcels(jobs: Sequence[Job], address: Address) -> list[Parcel]:
    """Return jobs as messages, in their order: those of one queue that are alike urgent go together."""
    groups: dict[tuple[str, bool], list[list[Job]]] = {}
    sizes: dict[tuple[str, bool], int] = {}
    for job in jobs:
        key = job.queue, job.priority > 0
        size = sizes.get(key, 0) + len(job.payload)
        if key not in groups or size > MOST_BYTES or len(groups[key][-1]) == MOST_JOBS:
            groups.setdefault(key, []).append([])
            size = len(job.payload)
        groups[key][-1].append(job)
        sizes[key] = size
    return [_parcel(together, address) for group in groups.values() for together in group]


def _parcel(jobs: Sequence[Job], address: Address) -> Parcel:
    properties: dict[str, Any] = {
        "content_type": "application/msgpack", "delivery_mode": 2, "app_id": "celeriac",
    }  # fmt: skip
    if len(jobs[0].id.encode()) <= LONGEST:
        properties["message_id"] = jobs[0].id
    if len(jobs) > 1:
        properties["application_headers"] = {"jobs": len(jobs)}
    if jobs[0].priority > 0:
        properties["priority"] = URGENT
    return Parcel(address.queue(jobs[0].queue), properties, _packed(jobs))
