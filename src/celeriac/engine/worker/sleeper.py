"""How an idle child sleeps, and what wakes it: a producer, its own threads, its master, or the clock."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from celeriac.engine.ipc.channel import Channel
from celeriac.engine.ipc.ready import ready
from celeriac.engine.ipc.slots import SlotWriter

POLL = 1.0
"""Seconds between two looks of an idle child that nobody wakes."""


class Sleeper:
    """The main thread sleeps here; any thread, and a signal handler, may wake it."""

    def __init__(self, notifier: Any, child: str, queues: Sequence[str], slot: SlotWriter, master: Channel | None) -> None:
        self._notifier = notifier
        self._child = child
        self._queues = queues
        self._slot = slot
        self._masters = [master] if master is not None else []
        self._asleep = False
        self._wake_read, self._wake_write = socket.socketpair()  # Windows cannot wait for a pipe
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)

    # -- from any thread -----------------------------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Wake the main thread if it sleeps: there is something for it to do."""
        if self._asleep:
            self._asleep = False
            self.wake()

    def wake(self) -> None:
        """Wake the main thread, now or when it next falls asleep."""
        try:
            self._wake_write.send(b"\x01")
        except OSError:
            return  # it is full of wake-ups already, or closed: nobody sleeps here any more

    # -- the main thread -----------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Publish that this child is idle, so that a producer wakes it."""
        self._notifier.arm(self._child, self._queues)

    def disarm(self) -> None:
        """Take that back."""
        self._notifier.disarm(self._child)

    def pause(self, seconds: float) -> None:
        """Wait, or until the master has something to say."""
        ready(self._masters, seconds)

    def sleep(self, is_busy: Callable[[], bool], listen: bool) -> bool:
        """Sleep until woken, about ``POLL`` seconds at the longest; with ``listen`` also until jobs arrive.

        Does not when ``is_busy``, which is asked after others can see that we sleep. Returns whether we slept.
        """
        self._asleep = True
        try:
            if is_busy():  # added between our look and the flag
                return False
            if not (listen and self._notifier.drain()):  # else somebody woke us while we claimed
                self._wait(listen)
            return True
        finally:
            self._asleep = False

    def close(self) -> None:
        """Let go of what wakes us. Who wakes us afterwards wakes nobody."""
        self._wake_read.close()
        self._wake_write.close()

    def _wait(self, listen: bool) -> None:
        waits: list[Any] = [self._wake_read, *self._masters]
        if listen and self._notifier.fileno() >= 0:
            waits.append(self._notifier.fileno())
        deadline = time.monotonic() + random.uniform(0.8, 1.0) * POLL
        while (left := deadline - time.monotonic()) > 0:
            if ready(waits, min(left, self._notifier.poll_every) if listen else left) or self._slot.draining:
                break
            if listen and self._notifier.poll_every < POLL and self._notifier.changed():
                break
        self._drain()

    def _drain(self) -> None:
        try:
            self._wake_read.recv(4096)
        except BlockingIOError:
            pass  # nobody woke us through it
        self._notifier.drain()
