"""Which keeper leads, by the server's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.engine.brokers.redis.broker import RedisBroker


class RedisLeader:
    """Leads one duty until its time has run out."""

    def __init__(self, broker: RedisBroker, duty: str) -> None:
        self._broker = broker
        self._duty = duty

    def acquire(self, holder: str, seconds: float) -> bool:
        return bool(self._broker.call("lead", self._duty, holder, seconds))

    def release(self, holder: str) -> None:
        self._broker.call("resign", self._duty, holder)
