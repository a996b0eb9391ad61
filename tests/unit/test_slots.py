"""Shared memory that says what runs: whole entries, also while another process writes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from celeriac.engine.ipc import slots
from celeriac.engine.ipc.slots import ENDED_LAST, ENTRIES, Running, SlotTable

WRITER = """
import sys
from celeriac.engine.ipc.slots import SlotTable

writer = SlotTable(int(sys.argv[1]), 2).writer(1)
n = 0
while not writer.draining:
    n += 1
    for entry in range(3):
        writer.set(entry, n, n % 1000, float(n), float(n))
    if n % 5 == 0:
        writer.clear(2)
"""


@pytest.fixture
def table() -> Iterator[SlotTable]:
    table = SlotTable.create(2)
    yield table
    table.memory.close()


def test_a_new_slot_runs_nothing(table: SlotTable) -> None:
    assert table.running(0) == []
    assert table.ended(0) == {(0, 0)}
    assert not table.writer(0).draining


def test_what_a_child_says_it_runs_is_read_back_in_the_order_of_the_entries(table: SlotTable) -> None:
    writer = table.writer(0)
    writer.set(1, 8, 1, 20.5, 0.0)
    writer.set(0, 7, 3, 10.25, 99.0)
    assert table.running(0) == [Running(7, 3, 10.25, 99.0, True), Running(8, 1, 20.5, 0.0, False)]


def test_an_entry_that_is_cleared_vanishes_and_the_others_stay(table: SlotTable) -> None:
    writer = table.writer(0)
    for entry in range(3):
        writer.set(entry, entry + 1, 1, 0.0, 0.0)
    writer.clear(1)
    assert [entry.number for entry in table.running(0)] == [1, 3]
    writer.clear(0)
    writer.clear(2)
    assert table.running(0) == []


def test_an_entry_given_back_vanishes_and_is_handed_out_again(table: SlotTable) -> None:
    writer = table.writer(0)
    taken = [writer.take() for _ in range(ENTRIES - 1)]
    assert sorted(taken) == list(range(1, ENTRIES)), "entry 0 is the main thread's"
    with pytest.raises(IndexError):
        writer.take()
    writer.set(taken[5], 42, 1, 0.0, 0.0)
    writer.give(taken[5])
    assert table.running(0) == []
    assert writer.take() == taken[5]


def test_every_entry_of_one_slot_is_apart_from_the_next_slot(table: SlotTable) -> None:
    writer = table.writer(0)
    for entry in range(ENTRIES):
        writer.set(entry, entry + 1, 2, 3.0, 4.0)
    for number in range(ENDED_LAST):
        writer.end(number + 1, 9)
    assert [entry.number for entry in table.running(0)] == list(range(1, ENTRIES + 1))
    assert table.ended(0) == {(number + 1, 9) for number in range(ENDED_LAST)}
    assert table.running(1) == []
    assert table.ended(1) == {(0, 0)}
    assert not table.writer(1).draining
    assert not table.writer(0).draining


def test_the_last_ended_bodies_are_remembered_and_the_oldest_forgotten(table: SlotTable) -> None:
    writer = table.writer(0)
    for number in range(ENDED_LAST + 1):
        writer.end(number + 1, 1)
    assert (1, 1) not in table.ended(0)
    assert (2, 1) in table.ended(0)
    assert (ENDED_LAST + 1, 1) in table.ended(0)


def test_a_cleared_slot_is_as_new(table: SlotTable) -> None:
    writer = table.writer(0)
    writer.set(0, 1, 1, 0.0, 0.0)
    writer.end(5, 5)
    table.drain(0)
    other = table.writer(1)
    other.set(0, 2, 1, 0.0, 0.0)
    table.clear(0)
    assert table.running(0) == []
    assert table.ended(0) == {(0, 0)}
    assert not table.writer(0).draining
    assert [entry.number for entry in table.running(1)] == [2]


def test_only_the_child_that_is_asked_to_leave_sees_it(table: SlotTable) -> None:
    table.drain(1)
    assert table.writer(1).draining
    assert not table.writer(0).draining


def test_the_keepers_sign_of_life_touches_no_slot(table: SlotTable) -> None:
    table.writer(0).set(0, 7, 1, 0.0, 0.0)
    assert table.last_beat() == 0
    table.beat(123.5)
    assert table.last_beat() == 123.5
    assert [entry.number for entry in table.running(0)] == [7]


def test_the_memory_says_what_ran_after_its_writer_is_gone(table: SlotTable) -> None:
    mapped = SlotTable(table.descriptor, table.slots)
    mapped.writer(0).set(0, 7, 2, 1.0, 0.0)
    mapped.memory.close()
    assert table.running(0) == [Running(7, 2, 1.0, 0.0, True)]


class Meddler:
    """Stands in for the struct of an entry's body: ``meddle`` is called when it was read, or is about to be written."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        self.meddle = meddle
        self.body = slots.BODY

    def unpack_from(self, memory: Any, offset: int) -> tuple[Any, ...]:
        found = self.body.unpack_from(memory, offset)
        self.meddle()
        return found

    def pack_into(self, *args: Any) -> None:
        self.meddle()


def test_an_entry_that_changes_while_it_is_read_is_read_again(table: SlotTable, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = table.writer(0)
    writer.set(0, 10, 3, 1.5, 0.0)
    numbers = [11, 12]

    def change() -> None:
        if numbers:
            monkeypatch.undo()
            writer.set(0, numbers.pop(0), 4, 2.5, 9.0)
            monkeypatch.setattr(slots, "BODY", Meddler(change))

    monkeypatch.setattr(slots, "BODY", Meddler(change))
    assert table.running(0) == [Running(12, 4, 2.5, 9.0, True)]


def test_a_child_that_was_killed_while_it_said_what_it_will_run_runs_nothing(
    table: SlotTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise SystemExit

    writer = table.writer(0)
    writer.set(0, 10, 3, 1.5, 0.0)
    monkeypatch.setattr(slots, "BODY", Meddler(die))
    with pytest.raises(SystemExit):
        writer.set(0, 11, 1, 2.5, 0.0)
    assert table.running(0) == []


def test_a_reader_beside_a_writing_process_never_sees_half_an_entry(table: SlotTable) -> None:
    command = [sys.executable, "-c", WRITER, str(table.descriptor)]
    writer = subprocess.Popen(command, pass_fds=[table.descriptor])
    try:
        seen = 0
        while seen < 20_000:
            assert writer.poll() is None
            for entry in table.running(1):
                assert (entry.delivery, entry.started, entry.deadline) == (entry.number % 1000, entry.number, entry.number)
                seen += 1
        table.drain(1)
        assert writer.wait(30) == 0
    finally:
        writer.kill()
        writer.wait()
