"""The end of single jobs from outside: past their hard time limit, or cancelled while they run."""

from __future__ import annotations

import time
from typing import Any

from celeriac.engine.ipc.slots import Running
from celeriac.engine.master.generation import Process
from celeriac.engine.master.processes import Processes

TIME_LIMIT = "TimeLimitExceeded"
REVOKED = "TaskRevokedError"

Verdict = dict[str, Any]
"""What the keeper is to write of a killed job: ``number``, ``delivery``, ``started`` (monotonic seconds), ``state``, ``type``
and ``message``."""


class HardLimits:
    """Sees in shared memory what runs too long, and kills. Owned by the master."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def enforce(self) -> None:
        """End what is past its limit; kill what was asked to end and has not obeyed."""
        now = time.monotonic()
        for process in self._processes.running_children:
            for entry in process.running():
                if entry.deadline and now > entry.deadline:
                    self._end_job(process, entry, _verdict(entry, "failed", TIME_LIMIT))
            for key, (by, verdict) in list(process.obey_by.items()):
                if now > by:
                    self._kill_over(process, key, verdict)

    def cancel(self, child: str, number: int, delivery: int) -> None:
        """End one job that was revoked while it runs."""
        for process in self._processes.running_children:
            if process.id != child:
                continue
            for entry in process.running():
                if (entry.number, entry.delivery) == (number, delivery):
                    self._end_job(process, entry, _verdict(entry, "cancelled", REVOKED))

    def _end_job(self, process: Process, entry: Running, verdict: Verdict) -> None:
        """End one running job. In prefork its child is killed; a pool of many is asked first, then killed."""
        options = process.generation.options
        assert options is not None
        key = (entry.number, entry.delivery)
        if process.killed_for or key in process.obey_by:
            return
        if options.pool == "prefork" and len(process.running()) == 1:
            self._kill_over(process, key, verdict)
            return
        process.obey_by[key] = (time.monotonic() + options.kill_after, verdict)
        process.tell({"cancel": list(key), "overdue": verdict["type"] == TIME_LIMIT})

    def _kill_over(self, process: Process, key: tuple[int, int], verdict: Verdict) -> None:
        process.obey_by.pop(key, None)
        still = any((entry.number, entry.delivery) == key for entry in process.running())
        if still:
            process.killed_for.append(verdict)
            process.charge = False  # the neighbours in this process did nothing wrong
            process.kill()


def _verdict(entry: Running, state: str, kind: str) -> Verdict:
    if kind == TIME_LIMIT:
        message = f"The job ran past its time limit of {entry.deadline - entry.started:g} s and was killed."
    else:
        message = "terminated"
    return {
        "number": entry.number, "delivery": entry.delivery, "started": entry.started, "state": state, "type": kind,
        "message": message,
    }  # fmt: skip
