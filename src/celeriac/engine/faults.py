"""Named fault points: places where a test may kill or stop the process, so that each gap between two steps is tried.

Off, and one comparison a call, unless ``CELERIAC_FAULT=point:n:action`` is set: at the n-th passage of ``point`` the process
kills itself (``kill``), stops until continued (``stop``) or raises (``raise``).
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "after-claim",
    "after-begin",
    "before-body",
    "after-body",
    "before-settle",
    "after-settle",
    "before-commit",
    "after-commit",
    "before-give-back",
    "after-join",
    "before-renew",
    "after-renew",
    "before-rescue",
    "after-rescue",
    "before-release",
    "before-promote",
    "after-promote",
    "before-leave",
    "before-send",
    "after-send",
    "after-keep",
    "after-move",
    "before-tick",
    "after-tick",
)
ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP} if hasattr(signal, "SIGKILL") else {}


class FaultRaised(Exception):
    """The fault point was asked to raise."""


def _parse(text: str) -> tuple[str, int, str]:
    if not text:
        return "", 0, ""
    point, passage, action = text.split(":")
    if point not in POINTS:
        raise ValueError(f"CELERIAC_FAULT names no fault point: {point!r}. There are: {', '.join(POINTS)}.")
    return point, int(passage), action


_point, _passage, _action = _parse(os.environ.get("CELERIAC_FAULT", ""))
_passed = 0


def fault_point(name: str) -> None:
    """Fail here if the environment says so."""
    if name != _point:
        return
    global _passed  # noqa: PLW0603 - counts the passages of this process
    _passed += 1
    if _passed != _passage:
        return
    os.write(2, f"fault point {name}: {_action}\n".encode())
    if _action == "raise":
        raise FaultRaised(name)
    os.kill(os.getpid(), ACTIONS[_action])
