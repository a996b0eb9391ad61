"""The herald of a worker of one process: the project hears of it before the first job, and everything else beside the jobs."""

from __future__ import annotations

import threading
from typing import Any

from celeriac.engine.worker.herald import Herald, HeraldThread


class Listener:
    """A project that notes what it is told, and in which thread."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    def tell(self, event: str, **about: Any) -> None:
        self.told.append((event, threading.current_thread() is threading.main_thread()))


def test_ready_is_told_before_start_returns_and_the_end_before_stop_does() -> None:
    listener: Any = Listener()
    herald = HeraldThread(Herald(listener, lambda: 0.0), wanted=True)
    herald.tell({"stopping": {"signal": "SIGTERM", "how": "Warm", "exit_code": 0}})
    herald.start()
    assert listener.told[0] == ("ready", True)
    herald.stop()
    assert listener.told == [("ready", True), ("stopping", False), ("stopped", False)]


def test_where_nobody_listens_nothing_is_told() -> None:
    listener: Any = Listener()
    herald = HeraldThread(Herald(listener, lambda: 0.0), wanted=False)
    herald.start()
    herald.stop()
    assert listener.told == []
