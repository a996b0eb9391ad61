"""The dead children whose jobs the keeper has still to give to the living."""

from __future__ import annotations

from typing import Any

from celeriac.engine.master.generation import Process
from celeriac.engine.master.processes import Processes


class Rescues:
    """Asks the keeper for each rescue, and asks again when there is a new keeper. Owned by the master.

    A dead child's slot says what it ran, so it is not free for another child before the keeper has answered.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._pending: dict[str, tuple[int, dict[str, Any]]] = {}

    def __bool__(self) -> bool:
        return bool(self._pending)

    def bury(self, process: Process, charge: bool) -> None:
        """Have the keeper give a dead child's jobs to the living."""
        message = {"rescue": process.id, "slot": process.slot, "charge": charge, "verdicts": process.killed_for}
        self._pending[process.id] = (process.slot, message)
        self._processes.tell_keeper(message)

    def killed_for(self, child: str) -> list[int]:
        """Return the numbers of the jobs over which a child that is to be rescued was killed."""
        _, message = self._pending.get(child, (0, {}))
        return [verdict["number"] for verdict in message.get("verdicts", ())]

    def answered(self, child: str) -> int | None:
        """The keeper has done it. Returns the slot that is free now; None where nobody waited for this answer."""
        slot, _ = self._pending.pop(child, (None, None))
        return slot

    def repeat(self) -> None:
        """Ask again for all that is not answered."""
        for _, message in self._pending.values():
            self._processes.tell_keeper(message)

    def abandon(self) -> list[int]:
        """Others have those jobs. Returns the slots that are free now."""
        slots = [slot for slot, _ in self._pending.values()]
        self._pending.clear()
        return slots
