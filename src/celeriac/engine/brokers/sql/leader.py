"""Which keeper leads, by one row and the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.engine.brokers.sql.broker import SQLBroker


class SQLLeader:
    """Leads one duty while its row names the holder and has not run out."""

    def __init__(self, broker: SQLBroker, duty: str) -> None:
        self._broker = broker
        self._duty = duty

    def acquire(self, holder: str, seconds: float) -> bool:
        sql = self._broker.dialect.sql
        if self._broker.write(sql["lead"], (holder, seconds, self._duty, holder)):
            return True
        return bool(self._broker.write(sql["first_leader"], (self._duty, holder, seconds)))

    def release(self, holder: str) -> None:
        self._broker.write(self._broker.dialect.sql["resign"], (self._duty, holder))
