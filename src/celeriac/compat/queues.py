"""Queues as settings written for Celery declare them (kombu.entity). Only the name of a queue means something here."""

from __future__ import annotations

from typing import Any


class Exchange:
    """An exchange by its name. Jobs go to queues directly, so it changes nothing."""

    def __init__(self, name: str = "", type: str = "direct", **options: Any) -> None:  # noqa: A002 - kombu's name
        self.name = name
        self.type = type
        self.options = options

    def __repr__(self) -> str:
        return f"<Exchange: {self.name}>"


class Queue:
    """A queue by its name."""

    def __init__(self, name: str = "", exchange: Any = None, routing_key: str = "", **options: Any) -> None:
        self.name = name
        self.exchange = exchange
        self.routing_key = routing_key or name
        self.options = options

    def __repr__(self) -> str:
        return f"<Queue: {self.name}>"
