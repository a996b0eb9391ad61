"""How a worker ends and renews itself: warm and cold stop, recycling, reload, and what keeps it from starting."""

from __future__ import annotations

import os
import signal

import pytest

from celeriac.engine.codec import decode_result
from celeriac.engine.job import State
from tests.chaos.bench import Bench
from tests.chaos.ledger import wait_for
from tests.chaos.tasks import CODE

pytestmark = pytest.mark.process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_warm_stop_finishes_what_runs_and_returns_the_rest(bench: Bench, number: signal.Signals) -> None:
    worker = bench.start(concurrency=1)
    running = bench.push("hold", "end")
    bench.ledger.await_start(running)
    rest = bench.push_all([bench.job("noop") for _ in range(5)])
    worker.tell(number)
    wait_for(lambda: "Stopping" in worker.printed(), "the worker to hear of it")
    bench.open_gate("end")
    assert worker.wait() == 0
    assert bench.state(running) is State.SUCCEEDED
    assert {bench.record(id).state for id in rest} == {State.WAITING}
    assert {bench.record(id).charges for id in rest} == {0}
    assert len(bench.ledger.runs("start")) == 1
    worker.await_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("pool", ["prefork", "threads", "asyncio"])
def test_a_signal_to_the_whole_process_group_stops_warm(sqlite_bench: Bench, pool: str, number: signal.Signals) -> None:
    worker = sqlite_bench.start(pool=pool, concurrency=2)
    tasks = ["ahold", "ahold"] if pool == "asyncio" else ["hold", "hold"]
    running = [sqlite_bench.push(task, "end") for task in tasks]
    for id in running:
        sqlite_bench.ledger.await_start(id)
    os.killpg(worker.pid, number)
    wait_for(lambda: "Stopping" in worker.printed(), "the worker to hear of it")
    sqlite_bench.open_gate("end")
    assert worker.wait() == 0
    assert [sqlite_bench.state(id) for id in running] == [State.SUCCEEDED, State.SUCCEEDED]
    assert len(sqlite_bench.ledger.runs("start")) == 2
    worker.await_gone()


@pytest.mark.parametrize("pool", ["threads", "asyncio", "solo"])
def test_every_pool_stops_warm(sqlite_bench: Bench, pool: str) -> None:
    worker = sqlite_bench.start(pool=pool, concurrency=2)
    task = "ahold" if pool == "asyncio" else "hold"
    running = sqlite_bench.push(task, "end")
    sqlite_bench.ledger.await_start(running)
    worker.tell(signal.SIGTERM)
    sqlite_bench.open_gate("end")
    assert worker.wait() == 0
    assert sqlite_bench.state(running) is State.SUCCEEDED


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_an_idle_worker_stops_at_once(sqlite_bench: Bench, pool: str) -> None:
    worker = sqlite_bench.start(pool=pool)
    worker.tell(signal.SIGTERM)
    assert worker.wait(15.0) == 0


def test_a_second_interrupt_stops_at_once_and_gives_the_running_job_back(bench: Bench) -> None:
    worker = bench.start(concurrency=1)
    job = bench.push("hold", "never")
    bench.ledger.await_start(job)
    worker.tell(signal.SIGINT)
    wait_for(lambda: "Stopping" in worker.printed(), "the first to be heard")
    worker.tell(signal.SIGINT)
    assert worker.wait() == 2
    assert bench.state(job) is State.WAITING
    assert bench.record(job).charges == 0


def test_quit_stops_at_once(sqlite_bench: Bench) -> None:
    worker = sqlite_bench.start(concurrency=1)
    job = sqlite_bench.push("hold", "never")
    sqlite_bench.ledger.await_start(job)
    worker.tell(signal.SIGQUIT)
    assert worker.wait() == 2
    assert sqlite_bench.state(job) is State.WAITING


def test_a_stop_while_the_project_is_imported_is_obeyed(sqlite_bench: Bench) -> None:
    worker = sqlite_bench.crew.start(ready=False)
    wait_for(lambda: len(worker.processes()) == 2, "the template to be started")
    worker.tell(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_child_is_replaced_after_so_many_jobs(sqlite_bench: Bench) -> None:
    sqlite_bench.start(concurrency=1, max_tasks_per_child=5)
    jobs = sqlite_bench.push_all([sqlite_bench.job("noop") for _ in range(12)])
    assert {job.state for job in sqlite_bench.all_ended(jobs)} == {State.SUCCEEDED}
    runs = sqlite_bench.ledger.runs("start")
    assert [sum(1 for run in runs if run.pid == pid) for pid in dict.fromkeys(run.pid for run in runs)] == [5, 5, 2]


def test_a_child_that_uses_too_much_memory_is_replaced(sqlite_bench: Bench) -> None:
    sqlite_bench.start(concurrency=1, max_memory_per_child=150_000)
    grown = sqlite_bench.push("grow", 200)
    assert sqlite_bench.ended(grown).state is State.SUCCEEDED
    worker = sqlite_bench.crew.workers[0]
    fat = sqlite_bench.ledger.starts(grown)[0].pid
    wait_for(lambda: fat not in worker.processes(), "the large child to go")
    later = sqlite_bench.push("noop")
    assert sqlite_bench.ended(later).state is State.SUCCEEDED
    assert sqlite_bench.ledger.starts(later)[0].pid != fat


def version(bench: Bench) -> object:
    ended = bench.ended(bench.push("version"))
    assert ended.result is not None
    return decode_result(ended.result)


def test_a_reload_runs_new_code_while_the_old_children_finish(sqlite_bench: Bench) -> None:
    code = sqlite_bench.folder / CODE
    code.write_text("VERSION = 'old'\n")
    worker = sqlite_bench.start(concurrency=2)
    assert version(sqlite_bench) == "old"
    long = sqlite_bench.push("hold", "end")
    old = sqlite_bench.ledger.await_start(long).pid
    templates = worker.with_role("template")
    code.write_text("VERSION = 'newer'\n")  # of another length: Python tells stale bytecode by time and size
    worker.tell(signal.SIGHUP)
    wait_for(lambda: version(sqlite_bench) == "newer", "the new code")
    assert old in worker.processes(), "the old child still has its job"
    sqlite_bench.open_gate("end")
    assert sqlite_bench.ended(long).state is State.SUCCEEDED
    assert len(sqlite_bench.ledger.starts(long)) == 1
    wait_for(lambda: not set(templates) & set(worker.processes()), "the old template to go")
    wait_for(lambda: len(worker.processes()) == 5, "one whole worker to be left")


def test_a_reload_of_broken_code_keeps_the_old(sqlite_bench: Bench) -> None:
    code = sqlite_bench.folder / CODE
    code.write_text("VERSION = 'old'\n")
    worker = sqlite_bench.start(concurrency=1)
    code.write_text("raise RuntimeError('a typing mistake')\n")
    worker.tell(signal.SIGHUP)
    wait_for(lambda: "goes on with the old one" in worker.printed(), "the refusal")
    assert "a typing mistake" in worker.printed()
    assert version(sqlite_bench) == "old"
    code.write_text("VERSION = 'repaired'\n")
    worker.tell(signal.SIGHUP)
    wait_for(lambda: version(sqlite_bench) == "repaired", "the repaired code")


def test_a_project_that_cannot_be_imported_ends_the_worker_with_the_error(sqlite_bench: Bench) -> None:
    (sqlite_bench.folder / CODE).write_text("import no_such_module\n")
    worker = sqlite_bench.crew.start(ready=False)
    assert worker.wait() == 1
    assert "No module named 'no_such_module'" in worker.printed()
    worker.await_gone()


def test_a_project_that_starts_threads_at_import_is_refused_by_their_names(sqlite_bench: Bench) -> None:
    (sqlite_bench.folder / CODE).write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, name='nosy-poller', daemon=True).start()\n"
    )
    worker = sqlite_bench.crew.start(ready=False)
    assert worker.wait() == 1
    assert "nosy-poller" in worker.printed()


def test_code_that_breaks_after_the_template_died_is_waited_for(sqlite_bench: Bench) -> None:
    code = sqlite_bench.folder / CODE
    code.write_text("VERSION = 'old'\n")
    worker = sqlite_bench.start(concurrency=1)
    code.write_text("raise RuntimeError('half deployed')\n")
    os.kill(worker.one("template"), signal.SIGKILL)
    wait_for(lambda: "half deployed" in worker.printed(), "the error")
    code.write_text("VERSION = 'whole'\n")
    assert version(sqlite_bench) == "whole"
