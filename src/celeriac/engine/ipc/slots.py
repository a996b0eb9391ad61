"""Shared memory in which each child says what it runs, for the master (limits) and the keeper (release, charging).

One slot a child. Only the child that has the slot writes its entries; only the master writes its flags; only the keeper
writes the heartbeat. An entry is written from its number taken away to its number put back, so a reader who finds the same
number before and after never sees half of one. The memory outlives the child: after a kill it still says what was running.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import NamedTuple

HEADER = struct.Struct("=d")  # the keeper's last sign of life, monotonic seconds
HEADER_SIZE = 64
SLOT_SIZE = 32_768
FLAGS_OFFSET = 0
USED_OFFSET = 4
ENTRIES_OFFSET = 64
ENTRY = struct.Struct("=qiIdd")  # number, delivery, on the loop, started, deadline
ENTRIES = (16_384 - ENTRIES_OFFSET) // ENTRY.size
ENDED_OFFSET = 16_384
ENDED = struct.Struct("=qq")  # number, delivery
ENDED_LAST = (SLOT_SIZE - ENDED_OFFSET) // ENDED.size
"""How many ended bodies a slot remembers: more than a child can have claimed and not settled."""
U32 = struct.Struct("=I")
NUMBER = struct.Struct("=q")
BODY = struct.Struct("=iIdd")
BODY_OFFSET = 8

DRAIN = 1
"""Flag: finish what runs, give back the rest, leave."""


class Running(NamedTuple):
    """One body that runs now. Times are monotonic seconds; ``deadline`` 0 means no hard limit.

    ``main`` is True for the body in the child's main thread, behind which everything else that is not async waits; ``loop``
    for a coroutine, behind which nothing does.
    """

    number: int
    delivery: int
    started: float
    deadline: float
    main: bool = False
    loop: bool = False


class SlotTable:
    """All slots of one worker, in one file without a name, mapped by every process of it. Without a file (-1): by this one."""

    def __init__(self, descriptor: int, slots: int) -> None:
        self.descriptor = descriptor
        self.slots = slots
        self.memory = mmap.mmap(descriptor, HEADER_SIZE + slots * SLOT_SIZE)

    @classmethod
    def create(cls, slots: int) -> SlotTable:
        """Make the memory. Its descriptor is inherited by the processes that are to map it."""
        size = HEADER_SIZE + slots * SLOT_SIZE
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            return cls(os.dup(file.fileno()), slots)

    def offset(self, slot: int) -> int:
        """Return where a slot begins, in bytes."""
        return HEADER_SIZE + slot * SLOT_SIZE

    def clear(self, slot: int) -> None:
        """Make a slot new, for another child."""
        start = self.offset(slot)
        self.memory[start : start + SLOT_SIZE] = bytes(SLOT_SIZE)

    def running(self, slot: int) -> list[Running]:
        """Return what the slot's child runs now."""
        start = self.offset(slot)
        used = U32.unpack_from(self.memory, start + USED_OFFSET)[0]
        found = []
        for index in range(used):
            entry = self._entry(start + ENTRIES_OFFSET + index * ENTRY.size, index == 0)
            if entry is not None:
                found.append(entry)
        return found

    def _entry(self, offset: int, main: bool) -> Running | None:
        while number := NUMBER.unpack_from(self.memory, offset)[0]:
            delivery, loop, started, deadline = BODY.unpack_from(self.memory, offset + BODY_OFFSET)
            if NUMBER.unpack_from(self.memory, offset)[0] == number:
                return Running(number, delivery, started, deadline, main, loop != 0)
        return None  # nothing runs, or its writer is just about to say what (or was killed there: then it has not begun)

    def ended(self, slot: int) -> set[tuple[int, int]]:
        """Return number and delivery of the last bodies that ended there: their outcomes may be on their way still."""
        start = self.offset(slot) + ENDED_OFFSET
        return set(ENDED.iter_unpack(self.memory[start : start + ENDED_LAST * ENDED.size]))

    def drain(self, slot: int) -> None:
        """Ask the slot's child to leave."""
        U32.pack_into(self.memory, self.offset(slot) + FLAGS_OFFSET, DRAIN)

    def beat(self, now: float) -> None:
        """The keeper is alive."""
        HEADER.pack_into(self.memory, 0, now)

    def last_beat(self) -> float:
        """When the keeper last said so, monotonic seconds."""
        return float(HEADER.unpack_from(self.memory, 0)[0])

    def writer(self, slot: int) -> SlotWriter:
        """Return the writing end of a slot, for its child."""
        return SlotWriter(self.memory, self.offset(slot))


class SlotWriter:
    """A child's own slot. Entry 0 belongs to the main thread; the others are handed out under the caller's lock."""

    def __init__(self, memory: mmap.mmap | bytearray, offset: int) -> None:
        self._memory = memory
        self._offset = offset
        self._entries = offset + ENTRIES_OFFSET
        self._used = 0
        self._ended = 0
        self._free = list(range(ENTRIES - 1, 0, -1))

    def set(self, entry: int, number: int, delivery: int, started: float, deadline: float, loop: bool = False) -> None:
        """Say that a body runs."""
        offset = self._entries + entry * ENTRY.size
        NUMBER.pack_into(self._memory, offset, 0)
        BODY.pack_into(self._memory, offset + BODY_OFFSET, delivery, loop, started, deadline)
        NUMBER.pack_into(self._memory, offset, number)
        if entry >= self._used:
            self._used = entry + 1
            U32.pack_into(self._memory, self._offset + USED_OFFSET, self._used)

    def end(self, number: int, delivery: int) -> None:
        """Say that a body has ended, before its entry is cleared, lest its job be given back while its outcome is unwritten."""
        ENDED.pack_into(self._memory, self._offset + ENDED_OFFSET + self._ended * ENDED.size, number, delivery)
        self._ended = (self._ended + 1) % ENDED_LAST

    def clear(self, entry: int) -> None:
        """Say that it has ended."""
        NUMBER.pack_into(self._memory, self._entries + entry * ENTRY.size, 0)

    def take(self) -> int:
        """Return a free entry. Raises ``IndexError`` when over 400 bodies run at once in one child."""
        return self._free.pop()

    def give(self, entry: int) -> None:
        """Clear an entry and make it free again."""
        self.clear(entry)
        self._free.append(entry)

    @property
    def draining(self) -> bool:
        """Whether the master asked this child to leave."""
        return self._memory[self._offset + FLAGS_OFFSET] != 0


def local_slot() -> SlotTable:
    """Return a table of one slot that no other process sees: for a worker without a master."""
    return SlotTable(-1, 1)
