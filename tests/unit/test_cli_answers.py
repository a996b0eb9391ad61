"""What the commands print: tables, plain columns, JSON, questions, bars; and the statuses that they end with."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celery
from celeriac.cli import exits
from celeriac.cli.asking import NotAsked, agreed
from celeriac.cli.completion import HOW, SHELLS, words_of
from celeriac.cli.durations import duration, span
from celeriac.cli.inspecting import COMMANDS as ORDERS
from celeriac.cli.inspecting import INSTEAD, QUESTIONS
from celeriac.cli.main import main
from celeriac.cli.parser import build, parse
from celeriac.cli.run import arguments_of
from celeriac.cli.tables import clean, plain_table
from celeriac.engine.brokers.base import Pause
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.clock import SystemClock
from celeriac.engine.codec import encode_failure
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    claim_one,
    ended_job,
    known,
    some_jobs,
    state_of,
)
from tests.unit import djangosample as sample

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def broker() -> MemoryBroker:
    """A broker whose clock is the machine's, as that of the commands."""
    return MemoryBroker(SystemClock())


@pytest.fixture
def app(broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    app = Celery("tests", broker="memory://")
    monkeypatch.setattr(app, "broker", lambda: broker)
    app.task(name="shop.add")(lambda a, b=0: a + b)
    yield app
    app.close()


@pytest.fixture
def run(app: Celery, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command in this process, on ``app``: status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def failed(broker: MemoryBroker, **fields: Any) -> str:
    """End a job badly; return its id."""
    broker.push([a_job(**fields)])
    job, failure = claim_one(broker, a_child(broker)), a_failure("no paper")
    broker.settle([an_outcome(job, State.FAILED, failure=failure, result=encode_failure(failure), log="printing")])
    return job.id


# -- one screen ----------------------------------------------------------------------------------------------------------------


def test_status_is_one_screen_that_begins_as_celerys(run: Run, broker: MemoryBroker) -> None:
    failed(broker)  # by a worker that serves the queue "default"
    broker.push([a_job(queue="alone"), a_scheduled_job(60, queue="alone")])
    broker.control(Pause(("shut",)))
    status, out, err = run("status", "--over", "0.01")
    assert (status, err) == (exits.OK, "")
    lines = out.splitlines()
    assert lines[0].startswith("->  fig@tree: OK")
    assert lines[2] == "1 node online."
    assert "failures  1 in the last hour" in lines
    rows = [line.split() for line in lines]
    assert ["alone", "1", "0", "1", "0"] in [row[:5] for row in rows]
    assert [row[-2:] for row in rows if row[:1] == ["alone"]] == [["no", "worker"]]
    assert [row[-1] for row in rows if row[:1] == ["shut"]] == ["paused"]


def test_status_for_programs_has_every_part(run: Run, broker: MemoryBroker) -> None:
    id = failed(broker)
    broker.push([a_job(queue="alone")])
    status, out, _err = run("status", "--json", "--over", "0.01")
    told = json.loads(out)
    assert status == exits.OK
    assert [worker["name"] for worker in told["workers"]] == ["fig@tree"]
    [queue] = told["queues"]
    assert (queue["name"], queue["waiting"], queue["oldest"][-1]) == ("alone", 1, "Z")
    assert (told["unserved"], told["failed"], told["failures"][0]["last"]) == (["alone"], 1, id)
    assert told["rates"] == {"came": 0.0, "went": 0.0}


@pytest.mark.parametrize("command", [("status", "--over", "0"), ("workers",), ("inspect", "ping")])
def test_without_a_worker_the_status_is_that_of_celery(run: Run, command: tuple[str, ...]) -> None:
    status, _out, err = run(*command)
    assert status == exits.UNAVAILABLE
    assert len(err.splitlines()) == 1


def test_top_shows_what_runs_as_often_as_it_is_told(run: Run, broker: MemoryBroker) -> None:
    broker.push([a_job(task="shop.pack")])
    claim_one(broker, a_child(broker))
    status, out, _err = run("top", "--interval", "0.1", "--count", "2")
    assert status == exits.OK
    assert out.count("running:") == 2
    assert out.count("shop.pack") == 2
    assert len(json.loads(run("top", "--interval", "0.1", "--json")[1])) > 5


# -- jobs ----------------------------------------------------------------------------------------------------------------------


def test_a_list_of_jobs_is_plain_columns_where_nobody_looks(run: Run, broker: MemoryBroker) -> None:
    id = failed(broker)
    status, out, err = run("jobs", "list", "--state", "failed")
    assert (status, err) == (exits.OK, "")
    head, row = out.splitlines()
    assert head.split() == ["id", "state", "task", "queue", "enqueued", "took", "attempts"]
    assert row.split()[:4] == [id, "failed", "shop.tasks.pack", "default"]
    assert "\x1b" not in out


def test_a_list_for_programs_names_workers_and_asks_once_who_they_are(
    run: Run, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.push(some_jobs(3))
    child, asked, workers = a_child(broker), list[int](), broker.workers
    broker.claim(["default"], 3, child)
    monkeypatch.setattr(broker, "workers", lambda: (asked.append(1), workers())[1])
    told = json.loads(run("jobs", "list", "--json")[1])
    assert [(job["state"], job["worker"]) for job in told] == [("running", "fig@tree")] * 3
    assert len(asked) == 1


@pytest.mark.parametrize("command", ["jobs list -n", "jobs cancel --queue default --yes --limit", "top --count"])
def test_a_number_of_things_is_at_least_one(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    for number in ("0", "-1"):
        with pytest.raises(SystemExit) as ended:
            run(*command.split(), number)
        assert ended.value.code == exits.USAGE
        assert f"{number} is not a positive whole number" in capsys.readouterr().err


def test_what_comes_from_a_job_cannot_write_to_the_terminal(run: Run, broker: MemoryBroker) -> None:
    nasty = "a\x1b[2Jb\u202e\nc"
    broker.push([a_job("job\x07", task=nasty, queue=nasty, payload=b'[["\\u001b[31m"],{},{}]')])
    for command in (("jobs", "list"), ("jobs", "show", "job\x07"), ("status", "--over", "0"), ("queues",)):
        out = run(*command)[1]
        assert all(sign.isprintable() or sign == "\n" for sign in out), out
    assert "a\\x1b[2Jb\\u202e\\nc" in run("jobs", "list")[1]
    assert json.loads(run("jobs", "list", "--json")[1])[0]["task"] == nasty


def test_a_job_is_shown_whole(run: Run, broker: MemoryBroker) -> None:
    id = failed(broker, payload=b'[[1,"two"],{"x":null},{}]', parent="p", root="r")
    status, out, _err = run("jobs", "show", id)
    assert status == exits.OK
    for part in ("[1, 'two']", "{'x': None}", "parent      p", "attempt 1: failed", "Traceback ...", "no paper", "printing"):
        assert part in out
    [told] = json.loads(run("jobs", "show", id, "--json")[1])
    assert (told["args"], told["history"][0]["error"]) == ([1, "two"], "ValueError: no paper")
    status, out, err = run("jobs", "show", "no-such-id")
    assert (status, out) == (exits.NOT_FOUND, "")
    assert "There is no job no-such-id." in err


def test_a_job_shows_what_it_enqueued_and_how_it_was_retried(run: Run, broker: MemoryBroker) -> None:
    id = failed(broker)
    child = a_job(parent=id, root=id)
    broker.push([child])
    run("jobs", "retry", id)
    [told] = json.loads(run("jobs", "show", id, "--json")[1])
    assert told["children"] == [child.id]
    [again] = json.loads(run("jobs", "show", told["retried_as"], "--json")[1])
    assert again["retry_of"] == id


@pytest.mark.parametrize(("answer", "status", "state"), [("y", exits.OK, State.CANCELLED), ("", exits.FAILED, State.WAITING)])
def test_a_change_of_many_jobs_asks_first(
    run: Run, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, state: State
) -> None:
    jobs = some_jobs(250)
    broker.push(jobs)
    terminal = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    got, _out, err = run("jobs", "cancel", "--queue", "default")
    assert got == status
    assert err.startswith("Jobs to cancel: 250. Go on? [y/N] ")
    assert {state_of(broker, job) for job in jobs} == {state}


def test_a_question_that_nobody_can_answer_is_a_wrong_use(
    run: Run, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    broker.push([job := a_job()])
    for command in (("jobs", "cancel", "--queue", "default"), ("queues", "purge", "default"), ("prune", "--older-than", "1d")):
        status, _out, err = run(*command)
        assert status == exits.USAGE
        assert "say --yes" in err
    assert state_of(broker, job) is State.WAITING
    with pytest.raises(NotAsked):
        agreed("Really?", yes=False)


def test_without_a_state_each_change_means_the_jobs_that_it_is_for(run: Run, broker: MemoryBroker) -> None:
    bad = failed(broker)
    broker.push(some_jobs(2))
    broker.settle([an_outcome(claim_one(broker, a_child(broker)))])
    assert json.loads(run("jobs", "retry", "--queue", "default", "--yes", "--json")[1])["done"].keys() == {bad}
    assert len(json.loads(run("jobs", "cancel", "--queue", "default", "--yes", "--json")[1])["done"]) == 2  # the retry, too
    assert len(json.loads(run("jobs", "delete", "--queue", "default", "--yes", "--json")[1])["done"]) == 4


def test_jobs_named_by_id_are_changed_without_a_question(run: Run, broker: MemoryBroker) -> None:
    id = failed(broker)
    status, out, _err = run("jobs", "retry", id)
    assert status == exits.OK
    assert out.splitlines()[0] == "Jobs run again: 1 of 1."
    assert run("jobs", "retry", id)[0] == exits.FAILED, "it was retried already"
    assert run("jobs", "delete", "--json", id, "no-such-id")[0] == exits.NOT_FOUND
    assert broker.get(id) is None


@pytest.mark.parametrize("step", ["retry", "cancel", "delete"])
def test_a_change_of_nothing_in_particular_is_refused(run: Run, step: str) -> None:
    status, _out, err = run("jobs", step, "--yes")
    assert status == exits.USAGE
    assert err.startswith("Which jobs?")


# -- queues, tasks, run --------------------------------------------------------------------------------------------------------


def test_queues_are_listed_paused_resumed_and_purged(run: Run, broker: MemoryBroker) -> None:
    broker.push(some_jobs(3))
    assert run("queues", "pause", "default")[1] == "Queues paused: 1 of 1.\n"
    told = {queue["name"]: queue for queue in json.loads(run("queues", "--json")[1])}
    assert (told["default"]["waiting"], told["default"]["paused"]) == (3, True)
    assert told["celery"]["waiting"] == 0, "what the project declares is listed too"
    assert (told["default"]["served"], told["celery"]["served"]) == (False, False)
    a_child(broker)  # whose worker serves the queue "default"
    told = {queue["name"]: queue["served"] for queue in json.loads(run("queues", "--json")[1])}
    assert told == {"default": True, "celery": False}
    assert run("queues", "resume", "default")[1] == "Queues resumed: 1 of 1.\n"
    assert run("queues", "purge", "default", "--yes")[1] == "Purged 3 messages from 1 known task queues.\n"
    assert run("purge", "-f")[1] == "No messages purged from 1 queues\n"


@pytest.mark.parametrize("command", ["queues list", "queues pause default", "queues purge default --yes", "jobs list"])
def test_json_is_asked_for_before_or_after_a_step(run: Run, broker: MemoryBroker, command: str) -> None:
    broker.push(some_jobs(3))
    word, step, *rest = command.split()
    broker.control(Pause(("default",)))  # so that it is known, also once it is empty
    answers = []
    for words in ([word, "--json", step, *rest], [word, step, *rest, "--json"], [word, step, "-A", "", *rest, "--json"]):
        status, out, err = run(*words)
        assert (status, err) == (exits.OK, "")
        answers.append(type(json.loads(out)))
    assert len(set(answers)) == 1


def test_a_project_named_before_a_step_is_not_forgotten_behind_it() -> None:
    for words in (["queues", "-A", "proj", "list"], ["queues", "list", "-A", "proj"], ["jobs", "-A", "proj", "list"]):
        assert parse(words, "celeriac").app == "proj"


def test_queues_for_programs_say_how_many_were_changed(run: Run, broker: MemoryBroker) -> None:
    broker.push(some_jobs(3))
    assert json.loads(run("queues", "pause", "default", "--json")[1]) == {"changed": 1}
    assert json.loads(run("queues", "purge", "default", "--yes", "--json")[1]) == {"purged": 3}


@pytest.mark.parametrize("step", ["pause", "resume", "purge"])
def test_a_queue_that_nobody_has_is_answered_with_the_nearest(run: Run, broker: MemoryBroker, step: str) -> None:
    status, _out, err = run("queues", step, "celerry")
    assert status == exits.OK
    assert "'celerry'" in err
    assert "Did you mean 'celery'?" in err
    a_child(broker)  # whose worker serves the queue "default"
    for queue in ("celery", "default"):
        assert run("queues", step, queue)[2] == ""


def test_a_queue_that_nobody_has_yet_is_paused(run: Run, broker: MemoryBroker) -> None:
    assert run("queues", "pause", "later")[1] == "Queues paused: 1 of 1.\n"
    assert [queue.name for queue in broker.snapshot().queues if queue.paused] == ["later"]
    assert run("queues", "resume", "later")[2] == "", "it was paused, so somebody knows it"


def test_tasks_are_listed_with_their_queues(run: Run, app: Celery) -> None:
    app.task(name="shop.slow", queue="slow", max_retries=None, time_limit=30)(lambda: None)
    status, out, _err = run("tasks", "shop.")
    assert status == exits.OK
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["shop.add", "celery"], ["shop.slow", "slow"]]
    told = {task["name"]: task for task in json.loads(run("tasks", "--json")[1])}
    assert (told["shop.slow"]["max_retries"], told["shop.slow"]["time_limit"]) == (None, 30)


def test_both_time_limits_of_a_task_are_shown_also_of_one_of_django(run: Run, app: Celery) -> None:
    with sample.known_to(app):
        header, *rows = (line.split("  ") for line in run("tasks", "bounded")[1].splitlines())
    [row] = rows
    shown = dict(zip([part.strip() for part in header if part], [part.strip() for part in row if part], strict=True))
    assert (shown["soft limit"], shown["hard limit"]) == ("2 s", "7 s")


@pytest.mark.parametrize(
    ("given", "args", "kwargs"),
    [
        (["1", "two", "[3]", "null"], [1, "two", [3], None], {}),
        (["a=1", "b=x y", "c==", "1=2"], ["1=2"], {"a": 1, "b": "x y", "c": "="}),
        (['"1"', "https://x/?a=1", "{}"], ["1", "https://x/?a=1", {}], {}),
    ],
)
def test_an_argument_is_json_or_else_text(given: list[str], args: list[Any], kwargs: dict[str, Any]) -> None:
    assert arguments_of(given) == (args, kwargs)


def test_a_task_is_run_in_this_process(run: Run) -> None:
    assert run("run", "shop.add", "40", "b=2", "--local") == (exits.OK, "42\n", "")
    assert json.loads(run("run", "shop.add", "1", "--local", "--json")[1])["result"] == 1


@pytest.mark.parametrize("words", ["--local shop.add 40 2", "shop.add --local 40 2", "shop.add 40 --local 2"])
def test_options_may_stand_anywhere_among_the_words(run: Run, words: str) -> None:
    assert run("run", *words.split())[1] == "42\n"


def test_a_task_that_fails_says_why_and_ends_with_status_1(run: Run) -> None:
    status, out, err = run("run", "shop.add", "one", "2", "--local")
    assert (status, out) == (exits.FAILED, "")
    assert "TypeError" in err


def test_a_task_that_there_is_not_is_answered_with_the_nearest(run: Run) -> None:
    status, _out, err = run("run", "shop.ad", "1")
    assert status == exits.NOT_FOUND
    assert "Did you mean 'shop.add'?" in err


def test_waiting_for_a_result_ends_in_time_and_says_that_nobody_works(run: Run) -> None:
    status, out, err = run("run", "shop.add", "1", "--timeout", "0.05s")
    assert (status, out) == (exits.TIMED_OUT, "")
    assert "No running worker serves the queue 'celery'" in err


def test_arguments_that_do_not_fit_are_a_wrong_use(run: Run, broker: MemoryBroker) -> None:
    status, _out, err = run("run", "shop.add")
    assert status == exits.USAGE
    assert "shop.add" in err
    assert broker.find({}, 1) == []


# -- prune ---------------------------------------------------------------------------------------------------------------------


def test_prune_goes_by_the_settings_or_by_an_age_of_its_own(run: Run, app: Celery, broker: MemoryBroker) -> None:
    old = ended_job(broker, age=2 * 86_400)
    bad = ended_job(broker, State.FAILED, age=2 * 86_400)
    new = ended_job(broker, age=60)
    assert run("prune") == (exits.OK, "Jobs deleted: 1\n", ""), "a day for those that went well, two weeks for the others"
    assert [broker.get(job.id) is None for job in (old, bad, new)] == [True, False, False]
    assert json.loads(run("prune", "--older-than", "1d", "--state", "failed", "--yes", "--json")[1]) == {"deleted": 1}
    assert [broker.get(job.id) is None for job in (bad, new)] == [True, False]


# -- as in Celery --------------------------------------------------------------------------------------------------------------


def test_call_prints_the_id_and_result_what_became_of_it(run: Run, broker: MemoryBroker) -> None:
    status, out, _err = run("call", "shop.elsewhere", "-a", "[1]", "-k", '{"b": 2}', "--countdown", "60")
    job = known(broker, out.strip())
    assert (status, job.task, job.state) == (exits.OK, "shop.elsewhere", State.SCHEDULED)
    id = failed(broker)
    assert run("result", id)[0] == exits.FAILED
    assert "no paper" in run("result", id, "--traceback")[1]
    assert run("result", "no-such-id")[0] == exits.NOT_FOUND
    assert run("call", "shop.add", "-a", "{}")[0] == exits.USAGE


def test_inspect_answers_in_celerys_form(run: Run, broker: MemoryBroker) -> None:
    broker.push([a_job(), a_scheduled_job(60)])
    claim_one(broker, a_child(broker))
    status, out, _err = run("inspect", "ping")
    assert status == exits.OK
    assert out.splitlines() == ["->  fig@tree: OK", "    pong", "", "1 node online."]
    assert json.loads(run("inspect", "ping", "--json")[1]) == {"fig@tree": {"ok": "pong"}}
    [scheduled] = json.loads(run("inspect", "scheduled", "-j")[1])["fig@tree"]
    assert scheduled["request"]["name"] == "shop.tasks.pack"
    assert run("inspect", "ping", "-d", "fig@elsewhere")[0] == exits.UNAVAILABLE


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_an_answer_of_every_worker(run: Run, broker: MemoryBroker, question: str) -> None:
    broker.push([job := a_job()])
    a_child(broker)
    arguments = [job.id] if question == "query_task" else []
    status, out, err = run("inspect", question, "--json", *arguments)
    assert (status, err) == (exits.OK, "")
    assert list(json.loads(out)) == ["fig@tree"]


def test_a_question_about_a_job_names_the_worker_that_runs_it_and_forgets_none_that_has_ended(
    run: Run, broker: MemoryBroker
) -> None:
    broker.push(some_jobs(2))
    ended, running = claim_one(broker, a_child(broker)), claim_one(broker, a_child(broker))
    broker.settle([an_outcome(ended, worker="gone@tree")])
    told = json.loads(run("inspect", "query_task", ended.id, running.id, "--json")[1])["fig@tree"]
    assert told[ended.id][0] == "succeeded", "also of a worker that is gone"
    state, request = told[running.id]
    assert (state, request["hostname"]) == ("active", "fig@tree")


@pytest.mark.parametrize("name", sorted(INSTEAD))
@pytest.mark.parametrize("command", ["inspect", "control"])
def test_what_cannot_mean_the_same_says_what_does_its_work(run: Run, command: str, name: str) -> None:
    status, out, err = run(command, name)
    assert (status, out) == (exits.UNSUPPORTED, "")
    assert err.startswith(f"celeriac {command} {name}: ")


def test_control_carries_out_what_the_broker_can(run: Run, broker: MemoryBroker) -> None:
    broker.push(jobs := some_jobs(2))
    assert run("control", "revoke", jobs[0].id)[0] == exits.OK
    assert run("control", "terminate", "SIGKILL", jobs[1].id)[0] == exits.OK
    assert {state_of(broker, job) for job in jobs} == {State.CANCELLED}
    status, out, err = run("control", "rate_limit", "shop.add", "10/m")
    assert (status, err) == (exits.OK, "")
    assert out.splitlines()[1] == "    new rate limit set"
    assert set(broker.paced()) == {"shop.add"}
    assert "Did you mean 'shop.add'?" in run("control", "rate_limit", "shop.ad", "10/m")[2]
    assert "Did you mean 'celery'?" in run("control", "pause", "celerry")[2]
    status, _out, err = run("control", "rate_limit", "shop.add", "often")
    assert status == exits.USAGE
    assert "'often'" in err
    for order in ORDERS:
        assert run("control", order)[0] == exits.USAGE, order


# -- errors, terminals ---------------------------------------------------------------------------------------------------------


def test_a_broker_that_does_not_answer_is_one_sentence_and_a_status(
    run: Run, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> None:
        raise BrokerUnavailable("The server is away.")

    monkeypatch.setattr(broker, "snapshot", unavailable)
    assert run("status") == (exits.UNAVAILABLE, "", "The server is away.\n")


def test_ctrl_c_is_no_traceback(run: Run, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(broker, "snapshot", interrupt)
    assert run("top") == (exits.INTERRUPTED, "", "")


def on_terminal(code: str, **environment: str) -> str:
    """Run Python with a terminal for its output; return what it wrote there."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, stdin=theirs,
        env={**kept, "PYTHONPATH": source, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65_536):
            written += part
    except OSError:
        pass  # Linux says so at the end
    finally:
        os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode()


TABLE = "from celeriac.cli.tables import show_table; show_table(('task', 'state'), [('x[bold]', 'failed')], 'jobs')"
RED = "\x1b[31m"


def test_a_terminal_gets_colours_and_no_color_takes_them_away() -> None:
    coloured, plain = on_terminal(TABLE), on_terminal(TABLE, NO_COLOR="1")
    assert RED in coloured
    assert RED not in plain
    assert "━" in plain or "─" in plain, "it is a table all the same"
    assert "x[bold]" in coloured, "nothing of a job is taken for a style"


def test_without_rich_a_terminal_gets_plain_columns() -> None:
    out = on_terminal(f"import sys; sys.modules['rich'] = sys.modules['rich.console'] = None; {TABLE}")
    assert "\x1b" not in out
    assert out.split() == ["jobs:", "task", "state", "x[bold]", "failed"]


def test_a_terminal_gets_a_bar_while_many_things_change() -> None:
    code = (
        "from celeriac.cli.asking import progress\n"
        "with progress('jobs cancel', 200) as advance:\n    advance(100)\n    advance(100)\n"
    )
    assert "200/200" in on_terminal(code)


def test_plain_columns_stand_below_each_other() -> None:
    assert plain_table(("a", "b"), [["long", "x"], ["s", ""]], "t") == "t:\na     b\nlong  x\ns"


@pytest.mark.parametrize(("text", "safe"), [("größe", "größe"), ("a\tb\r", "a\\tb\\r"), ("\ud800", "\\ud800"), (None, "-")])
def test_control_characters_are_shown_as_escapes(text: str | None, safe: str) -> None:
    assert clean(text) == safe


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7_200), ("7 d", 604_800), ("1W", 604_800)]
)
def test_a_span_of_time_has_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1h", "1y", "1h30"])
def test_what_is_no_span_of_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="90s, 15m, 2h, 7d"):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "12 ms"), (1.5, "1.5 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h"), (None, "-")],
)
def test_a_span_of_time_is_read_in_its_largest_units(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


# -- completion ----------------------------------------------------------------------------------------------------------------


def completed(line: str) -> set[str]:
    """Return what bash offers after a line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    source = f"{sys.executable} -m celeriac completion bash"
    code = f'eval "$({source})"; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _celeriac; echo "${{COMPREPLY[@]}}"'
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


def test_bash_completes_commands_steps_and_options() -> None:
    assert completed("celeriac jo") == {"jobs"}
    assert {"list", "show", "retry", "cancel", "delete"} <= completed("celeriac -A proj jobs ")
    assert completed("celeriac jobs retry --old") == {"--older-than"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_learns_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == exits.OK
    script = capsys.readouterr().out
    for path, _words in words_of(build("celeriac")):
        assert all(word in script for word in path.split())
    assert shell in HOW
