"""Ids of jobs: UUIDs of version 7 (RFC 9562, 5.7, with method 3 of 6.2), so that ids sort in the order of their making."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time

_now = time.time_ns

_VARIANT = 0x2 << 62


class _Sequence:
    """What makes an id greater than the one before: ``last``, 48 bits of milliseconds and 12 of the millisecond's fraction."""

    def __init__(self) -> None:
        self.last = 0
        self.lock = threading.Lock()
        self.bits = random.Random(os.urandom(32)).getrandbits

    def restart(self) -> None:
        """Two processes must not go on from the same random state, nor inherit a lock that another thread held."""
        self.lock = threading.Lock()
        self.bits = random.Random(os.urandom(32)).getrandbits


_sequence = _Sequence()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sequence.restart)


def new_id() -> str:
    """Return a new UUIDv7 as text, greater than every one made before in this process. Any thread may ask, and any fork."""
    tick = _now() * 4096 // 1_000_000
    with _sequence.lock:
        if tick <= _sequence.last:
            tick = _sequence.last + 1
        _sequence.last = tick
        noise = _sequence.bits(62)
    return _timed(f"{tick:015x}{_VARIANT | noise:016x}")


def new_ids(count: int) -> list[str]:
    """Return so many ids, as ``new_id`` makes them one by one."""
    first = _now() * 4096 // 1_000_000
    with _sequence.lock:
        first = max(first, _sequence.last + 1)
        _sequence.last = first + count - 1
        noises = [_sequence.bits(62) for _ in range(count)]
    return [_timed(f"{tick:015x}{_VARIANT | noise:016x}") for tick, noise in enumerate(noises, first)]


def made_at(id: str) -> float | None:
    """Return when an id was made, in seconds since 1970 UTC; None for one that does not tell."""
    if len(id) != 36 or id[14] != "7":
        return None
    try:
        return int(id[:8] + id[9:13], 16) / 1000
    except ValueError:
        return None


def derived_id(parent: str, step: str) -> str:
    """Return the id that a follow-up of the job ``parent`` always has, so that enqueueing it twice makes one job.

    A UUID of version 8 (of our own making): a hash of both.
    """
    digest = int.from_bytes(hashlib.sha256(f"{parent}\n{step}".encode()).digest()[:16])
    return _text(digest & ~((0xF << 76) | (0x3 << 62)) | (0x8 << 76) | _VARIANT)


def _timed(digits: str) -> str:
    """Return a UUIDv7 of the 15 hexadecimal digits of its time and the 16 of its variant and its noise."""
    return f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-{digits[15:19]}-{digits[19:]}"


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
