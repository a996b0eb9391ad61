"""An idle child sleeps until somebody wakes it, and looks only where a look is of use."""

from __future__ import annotations

from celeriac.engine.ipc.slots import local_slot
from celeriac.engine.worker import sleeper as sleeping
from celeriac.engine.worker.sleeper import Sleeper


class Hasty:
    """A notifier that wants to be asked all the time, and says how often it was."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def poll_every(self) -> float:
        self.asked += 1
        return sleeping.POLL / 1000

    def fileno(self) -> int:
        return -1

    def drain(self) -> bool:
        return False

    def changed(self) -> bool:
        return False


def test_a_child_that_has_no_room_for_jobs_does_not_look_for_them() -> None:
    notifier = Hasty()
    sleeper = Sleeper(notifier, "child", ["default"], local_slot().writer(0), None)
    assert sleeper.sleep(lambda: False, listen=False)
    assert notifier.asked == 0
    assert sleeper.sleep(lambda: False, listen=True)
    assert notifier.asked > 2
    sleeper.close()
