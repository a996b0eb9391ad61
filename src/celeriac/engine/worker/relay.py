"""Sending what the outbox still holds, by one worker at a time."""

from __future__ import annotations

from typing import Any

from celeriac.engine.sidethread import LedThread
from celeriac.engine.worker.project import Outbox

EVERY = 1.0


class Relay(LedThread):
    """The thread. ``broker`` and ``outbox`` are its own; ``holder`` is the worker's id."""

    name = "outbox"
    duty = "Sending what the outbox holds"

    def __init__(self, broker: Any, holder: str, outbox: Outbox) -> None:
        super().__init__(broker, holder)
        self._outbox = outbox

    def _turn(self) -> float:
        if self._leads():
            self._relay()
        return EVERY

    def _relay(self) -> None:
        sent = self._outbox.send(self._broker.push)
        if sent:
            self.logger.warning(
                "Jobs sent from the outbox, where a process that ended too soon or an outage had left them: %d.", sent
            )

    def _leave(self) -> None:
        self._outbox.close()
        super()._leave()
