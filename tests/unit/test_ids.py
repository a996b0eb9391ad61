from __future__ import annotations

import multiprocessing
import threading
import uuid

import pytest

from celeriac.engine.ids import derived_id, new_id, new_ids


def test_an_id_is_a_uuid_of_version_7() -> None:
    parsed = uuid.UUID(new_id())
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_ids_sort_in_the_order_of_their_making() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)


def test_many_ids_made_at_once_come_after_those_before_and_before_those_after() -> None:
    ids = [new_id(), *new_ids(5000), *new_ids(1), new_id()]
    assert ids == sorted(ids)
    assert len({uuid.UUID(id).hex[16:] for id in ids}) == 5003
    assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in ids} == {(7, uuid.RFC_4122)}


def test_ids_of_many_threads_are_all_different() -> None:
    made: list[list[str]] = [[] for _ in range(8)]
    threads = [threading.Thread(target=lambda ids=ids: ids.extend(new_id() for _ in range(2000))) for ids in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for ids in made for id in ids}) == 16_000


def _send(queue: multiprocessing.SimpleQueue[list[str]]) -> None:
    queue.put([new_id() for _ in range(100)])


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # threads of other tests, none of which makes ids
def test_forked_processes_do_not_make_the_same_ids() -> None:
    new_id()
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()
    processes = [fork.Process(target=_send, args=(queue,)) for _ in range(2)]
    for process in processes:
        process.start()
    ids = [id[-12:] for _ in processes for id in queue.get()]  # the random part alone: the times may well be equal
    for process in processes:
        process.join()
    assert len(set(ids)) == 200


def test_the_id_of_a_follow_up_depends_on_parent_and_step_alone() -> None:
    assert derived_id("a", "callback-0") == derived_id("a", "callback-0")
    assert len({derived_id("a", "x"), derived_id("b", "x"), derived_id("a", "y")}) == 3
    assert uuid.UUID(derived_id("a", "x")).version == 8
