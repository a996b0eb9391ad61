"""The table of periodic tasks: what is due is fired once, whoever looks, and what is wrong with a row stops only that row."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from celeriac import Celery
from celeriac.beat.planning import Planning
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.agenda import _entry as as_entry
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.entry import Entry, IsLive, Step
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job, State
from celeriac.models import PeriodicTask
from celeriac.testing.conformance.scenario import a_child, an_outcome
from tests.conformance.conftest import opened


@pytest.fixture
def agenda(app: Celery, others: SQLBroker) -> SQLAgenda:
    return SQLAgenda(others, Planning(app))


def rows(alias: str) -> Any:
    return PeriodicTask.objects.using(alias)


def an_entry(alias: str, name: str = "often", **columns: Any) -> Any:
    """Make an entry that is due every hour, and that was due a second ago."""
    due = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    given = {"name": name, "kind": "interval", "fields": {"every": 3600}, "task": "count", "next_run": due, **columns}
    return rows(alias).create(**given)


def fired(agenda: SQLAgenda, limit: int = 500) -> None:
    """Fire until nothing is due."""
    while agenda.fire(limit) == 0.0:
        continue


def jobs(broker: SQLBroker) -> list[Job]:
    return broker.find({}, 20_000)


def test_what_is_due_becomes_a_job_that_says_of_what_and_when(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    day = {"__type__": "date", "__value__": "2026-11-21"}
    entry = an_entry(
        alias, args=[1, day], kwargs={"a": 2}, queue="slow", priority=7, headers={"h": "x"}, options={"time_limit": 9}
    )
    fired(agenda)
    [job] = jobs(others)
    args, kwargs, embed = decode_payload(job.payload)
    assert (job.task, job.queue, job.priority, job.headers, job.state) == ("count", "slow", 7, {"h": "x"}, State.WAITING)
    assert (args, kwargs, embed["time_limit"]) == ([1, date(2026, 11, 21)], {"a": 2}, 9)
    assert (job.schedule, job.nominal) == ("often", entry.next_run.timestamp())
    assert (embed["periodic_task_name"], embed["nominal"]) == ("often", entry.next_run.isoformat())
    after = rows(alias).get()
    assert (after.next_run, after.last_run) == (entry.next_run + timedelta(hours=1), entry.next_run)
    assert (after.total_run_count, after.last_job, after.problem) == (1, job.id, "")


def test_a_new_entry_is_planned_first_and_its_first_tick_is_one_interval_later(
    alias: str, agenda: SQLAgenda, others: SQLBroker
) -> None:
    an_entry(alias, next_run=None)
    fired(agenda)
    assert jobs(others) == []
    assert 3590 < (rows(alias).get().next_run - datetime.now(UTC)).total_seconds() <= 3600
    assert 3590 < (agenda.fire(10) or 0) <= 3600


def test_without_entries_there_is_nothing_to_wait_for(alias: str, agenda: SQLAgenda) -> None:
    assert agenda.fire(10) is None
    an_entry(alias, enabled=False)
    assert agenda.fire(10) is None


def test_of_several_who_look_at_once_one_fires_each_tick(alias: str, app: Celery, others: SQLBroker) -> None:
    for number in range(300):
        an_entry(alias, f"entry {number}")
    start = threading.Barrier(3)

    def look() -> None:
        broker = opened(alias)
        agenda = SQLAgenda(broker, Planning(app))
        start.wait(60)
        while agenda.fire(20) in (0.0, 0.05):
            continue
        broker.close()

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = jobs(others)
    assert (len(found), len({job.schedule for job in found})) == (300, 300)
    assert set(rows(alias).values_list("total_run_count", flat=True)) == {1}


def test_more_than_a_batch_at_one_minute_are_all_fired(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    due = datetime.now(UTC).replace(second=0, microsecond=0)
    daily = {"kind": "cron", "fields": {"line": f"{due.minute} {due.hour} * * *"}, "task": "count", "next_run": due}
    rows(alias).bulk_create([PeriodicTask(name=f"entry {number}", **daily) for number in range(1200)], batch_size=1000)
    fired(agenda)
    assert len({job.schedule for job in jobs(others)}) == 1200
    assert {(row.next_run > due, row.last_run) for row in rows(alias).all()} == {(True, due)}


def test_a_tick_that_fails_before_its_commit_has_not_been(
    alias: str, agenda: SQLAgenda, app: Celery, others: SQLBroker
) -> None:
    entry = an_entry(alias)
    planning = Planning(app)

    class Unplugged(Exception):
        pass

    class Torn(SQLAgenda):
        def _advance(self, found: Any, steps: Sequence[Step]) -> list[Job]:
            super()._advance(found, steps)
            raise Unplugged

    with pytest.raises(Unplugged):
        Torn(others, planning).fire(10)
    assert (jobs(others), rows(alias).get().next_run) == ([], entry.next_run)
    fired(agenda)
    assert len(jobs(others)) == 1


def test_a_row_that_was_changed_after_it_was_read_is_not_fired(alias: str, app: Celery, others: SQLBroker) -> None:
    an_entry(alias)

    class Changed(SQLAgenda):
        def _due(self, now: float, limit: int) -> Any:
            found = super()._due(now, limit)
            self._broker.connection.run("update celeriac_periodic set next_run = %s", (self._broker.dialect.time(now + 60),))
            return found

    Changed(others, Planning(app)).fire(10)
    assert jobs(others) == []
    assert rows(alias).get().total_run_count == 0


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"kind": "lunar"}, "no kind of schedule 'lunar'"),
        ({"kind": "crontab", "fields": {"day_of_month": "31", "month_of_year": "2"}}, "month"),
        ({"fields": {"every": 0}}, "greater than 0"),
        ({"fields": [3600]}, "expected names with values"),
        ({"args": {"a": 1}}, "expected a list"),
        ({"kwargs": "no"}, "kwargs is 'no'"),
        ({"time_zone": "Mars/Base"}, "Mars/Base"),
        ({"options": {"countdwn": 3}}, "Did you mean 'countdown'?"),
        ({"priority": 1000}, "priority is 1000"),
        ({"misfire": "never"}, "misfire is 'never'; expected one of skip, once, all."),
        ({"overlap": "alow"}, "overlap is 'alow'; expected one of allow, skip, queue. Did you mean 'allow'?"),
        ({"misfire_limit": 0}, "misfire_limit is 0; expected 1 to 32767"),
        ({"jitter": -3.0}, "jitter is -3.0; expected seconds, 0 or more"),
    ],
)
def test_a_row_that_is_wrong_is_stopped_with_its_reason_and_the_others_go_on(
    alias: str, agenda: SQLAgenda, others: SQLBroker, wrong: dict[str, Any], problem: str
) -> None:
    an_entry(alias, "wrong", **wrong)
    an_entry(alias, "right")
    fired(agenda)
    assert [job.schedule for job in jobs(others)] == ["right"]
    stopped = rows(alias).get(name="wrong")
    assert (stopped.enabled, stopped.next_run) == (False, None)
    assert problem in stopped.problem


def test_text_that_is_no_json_is_stopped_too(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    if connections[alias].vendor != "sqlite":
        pytest.skip("this server refuses such text")
    an_entry(alias, "wrong")
    an_entry(alias, "right")
    with connections[alias].cursor() as cursor:
        cursor.execute("pragma ignore_check_constraints = on")
        cursor.execute("update celeriac_periodic set args = '[1,' where name = 'wrong'")
    fired(agenda)
    assert [job.schedule for job in jobs(others)] == ["right"]
    with connections[alias].cursor() as cursor:
        cursor.execute("select problem from celeriac_periodic where name = 'wrong'")
        assert "args is '[1,', which is not JSON" in cursor.fetchone()[0]


def a_right_and_a_wrong_entry(alias: str, column: str, value: Any) -> None:
    """Make two entries of which one has a value that only SQLite takes."""
    if connections[alias].vendor != "sqlite":
        pytest.skip("this server refuses such a value")
    an_entry(alias, "wrong")
    an_entry(alias, "right")
    with connections[alias].cursor() as cursor:
        cursor.execute("pragma ignore_check_constraints = on")
        cursor.execute(f"update celeriac_periodic set {column} = %s where name = 'wrong'", (value,))


@pytest.mark.parametrize(("column", "value"), [("misfire_limit", "q"), ("jitter", "abc")])
def test_a_text_where_a_number_belongs_is_stopped_too(
    alias: str, agenda: SQLAgenda, others: SQLBroker, column: str, value: str
) -> None:
    a_right_and_a_wrong_entry(alias, column, value)
    fired(agenda)
    assert [job.schedule for job in jobs(others)] == ["right"]
    assert f"{column} is {value!r}; expected" in rows(alias).values_list("problem", flat=True).get(name="wrong")


@pytest.mark.parametrize("value", ["tomorrow", "", 20270101, 1.5, b"\x00"])
def test_a_next_run_that_is_no_time_is_planned_anew_and_said(
    alias: str, agenda: SQLAgenda, others: SQLBroker, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    a_right_and_a_wrong_entry(alias, "next_run", value)
    fired(agenda)
    assert [job.schedule for job in jobs(others)] == ["right"]
    assert 3590 < (rows(alias).get(name="wrong").next_run - datetime.now(UTC)).total_seconds() <= 3600
    assert "The next run of 'wrong' was" in caplog.text
    assert "which is no time. It is planned anew." in caplog.text


def test_arguments_that_do_not_fit_are_shown_and_enqueued_by_who_takes_them(
    alias: str, app: Celery, agenda: SQLAgenda, others: SQLBroker
) -> None:
    app.task(name="tick")(lambda word: None)
    entry = an_entry(alias, task="tick", args=[1, 2, 3])
    fired(agenda)
    held = rows(alias).get()
    assert (jobs(others), held.enabled, held.held) == ([], True, entry.next_run)
    assert held.problem == ("tick(word) cannot be called so: there are too many arguments by position, 3 instead of 1 at most.")
    newer = Celery("shop", broker="memory://", set_as_current=False)
    newer.task(name="tick")(lambda *words: None)
    rows(alias).update(next_run=entry.next_run)
    fired(SQLAgenda(others, Planning(newer)))
    assert [job.nominal for job in jobs(others)] == [entry.next_run.timestamp()]
    assert (rows(alias).get().held, rows(alias).get().problem) == (None, "")
    newer.close()


def test_an_entry_whose_arguments_nobody_takes_is_stopped(
    alias: str, app: Celery, agenda: SQLAgenda, others: SQLBroker
) -> None:
    app.task(name="tick")(lambda word: None)
    an_entry(alias, task="tick", kwargs={"wrod": 1}, held=datetime.now(UTC) - timedelta(minutes=2))
    fired(agenda)
    assert (jobs(others), rows(alias).get().enabled) == ([], False)
    assert "Did you mean 'word'?" in rows(alias).get().problem


def test_arguments_are_asked_for_as_the_caller_of_the_task_is(
    alias: str, app: Celery, agenda: SQLAgenda, others: SQLBroker
) -> None:
    app.task(name="bound", bind=True)(lambda self, word: None)
    app.task(name="free", typing=False)(lambda word: None)
    an_entry(alias, "bound", task="bound", args=["a"])
    an_entry(alias, "named", task="bound", kwargs={"word": "a"})
    an_entry(alias, "free", task="free", args=[1, 2, 3])
    an_entry(alias, "wrong", task="bound", args=["a", "b"])
    fired(agenda)
    assert sorted(job.schedule or "" for job in jobs(others)) == ["bound", "free", "named"]


def test_a_batch_is_logged_in_one_line_and_each_tick_where_one_debugs(
    alias: str, agenda: SQLAgenda, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(7):
        an_entry(alias, f"entry {number}")
    with caplog.at_level("INFO", "celeriac.beat"):
        fired(agenda)
    [line] = caplog.messages
    assert line.startswith("Enqueued periodic tasks: 'entry ")
    assert line.endswith(", and 2 more")
    caplog.clear()
    rows(alias).update(next_run=datetime.now(UTC) - timedelta(seconds=1))
    with caplog.at_level("DEBUG", "celeriac.beat"):
        fired(agenda)
    assert len([line for line in caplog.messages if "the tick of 'entry " in line]) == 7


def test_a_tick_whose_task_nobody_knows_waits_for_who_does(
    alias: str, app: Celery, agenda: SQLAgenda, others: SQLBroker
) -> None:
    entry = an_entry(alias, task="coumt")
    fired(agenda)
    held = rows(alias).get()
    assert (jobs(others), held.enabled, held.held) == ([], True, entry.next_run)
    assert held.problem == "No worker knows the task 'coumt'. Did you mean 'count'?"
    app.task(name="coumt")(lambda: None)
    rows(alias).update(next_run=entry.next_run)
    fired(agenda)
    assert [job.nominal for job in jobs(others)] == [entry.next_run.timestamp()]
    assert (rows(alias).get().held, rows(alias).get().problem) == (None, "")


def test_an_entry_whose_task_stays_unknown_is_stopped(alias: str, agenda: SQLAgenda) -> None:
    an_entry(alias, task="coumt", held=datetime.now(UTC) - timedelta(minutes=2))
    fired(agenda)
    assert (rows(alias).get().enabled, "No worker knows" in rows(alias).get().problem) == (False, True)


def test_a_one_off_runs_once_and_is_over(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    an_entry(alias, one_off=True)
    fired(agenda)
    assert len(jobs(others)) == 1
    assert (rows(alias).get().enabled, agenda.fire(10)) == (False, None)


def test_while_its_job_is_there_an_entry_that_must_not_overlap_is_left_out(
    alias: str, agenda: SQLAgenda, others: SQLBroker
) -> None:
    entry = an_entry(alias, overlap="skip")
    fired(agenda)
    rows(alias).update(next_run=entry.next_run)
    fired(agenda)
    assert len(jobs(others)) == 1
    assert rows(alias).get().next_run > datetime.now(UTC)


def test_of_an_entry_that_queues_one_a_single_tick_waits_for_the_job_before(
    alias: str, agenda: SQLAgenda, others: SQLBroker
) -> None:
    entry = an_entry(alias, overlap="queue")
    fired(agenda)
    second = entry.next_run + timedelta(microseconds=500_000)
    for nominal in (second, entry.next_run + timedelta(microseconds=700_000)):
        rows(alias).update(next_run=nominal)
        fired(agenda)
    assert (len(jobs(others)), rows(alias).get().held) == (1, second)
    [running] = others.claim(["celery"], 1, a_child(others))
    others.settle([an_outcome(running, State.SUCCEEDED)])
    rows(alias).update(next_run=second)
    fired(agenda)
    assert sorted(job.nominal or 0.0 for job in jobs(others)) == [entry.next_run.timestamp(), second.timestamp()]
    assert rows(alias).get().held is None


def test_jitter_delays_the_job_and_not_the_nominal_time(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    entry = an_entry(alias, jitter=1e6)
    fired(agenda)
    [job] = jobs(others)
    assert (job.state, job.nominal) == (State.SCHEDULED, entry.next_run.timestamp())
    assert entry.next_run.timestamp() < (job.run_at or 0) < entry.next_run.timestamp() + 1e6


def test_a_form_that_was_opened_before_a_tick_does_not_repeat_it(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    form = an_entry(alias)
    opened_before = rows(alias).get(pk=form.pk)
    fired(agenda)
    opened_before.description = "every hour"
    opened_before.save()
    fired(agenda)
    after = rows(alias).get()
    assert (len(jobs(others)), after.total_run_count, after.description) == (1, 1, "every hour")


def test_a_change_of_when_it_runs_has_it_planned_anew(alias: str, agenda: SQLAgenda) -> None:
    an_entry(alias)
    fired(agenda)
    row = rows(alias).get()
    row.fields = {"every": 60}
    row.save()
    fired(agenda)
    assert 50 < (rows(alias).get().next_run - datetime.now(UTC)).total_seconds() <= 60


def test_a_clock_that_is_put_back_repeats_no_tick(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    an_entry(alias, next_run=None, last_run=ahead, kind="crontab", fields={})
    fired(agenda)
    assert rows(alias).get().next_run > ahead


def test_a_planner_is_told_what_is_in_the_table(alias: str, others: SQLBroker) -> None:
    an_entry(alias, start=datetime(2026, 1, 1, tzinfo=UTC), one_off=True, priority=None)
    seen: list[Entry] = []

    def plan(entries: Sequence[Entry], now: float, is_live: IsLive) -> list[Step]:
        seen.extend(entries)
        return [Step(entry=entry.id, next_run=now + 60) for entry in entries]

    SQLAgenda(others, plan).fire(10)
    [entry] = seen
    assert (entry.name, entry.kind, bool(entry.one_off), entry.priority, entry.start) == (
        "often",
        "interval",
        True,
        None,
        1767225600.0,
    )


def test_a_database_that_fails_while_it_is_asked_disables_no_entry(alias: str, app: Celery, others: SQLBroker) -> None:
    an_entry(alias, overlap="skip", last_job="before")

    def is_live(id: str) -> bool:
        raise BrokerUnavailable("unplugged")

    [row] = SQLAgenda(others, Planning(app))._due(datetime.now(UTC).timestamp(), 10)
    with pytest.raises(BrokerUnavailable):
        Planning(app)([as_entry(row)], datetime.now(UTC).timestamp(), is_live)


def test_the_job_of_a_tick_is_signed_and_encrypted_and_its_row_is_plain(
    alias: str, app: Celery, agenda: SQLAgenda, others: SQLBroker
) -> None:
    app.conf.signing_keys, app.conf.encryption_keys = ["k" * 20], ["e" * 20]
    an_entry(alias, args=["a secret"])
    fired(agenda)
    [job] = jobs(others)
    assert b"secret" not in job.payload
    assert app.signer is not None
    app.signer.verify(job, 0.0)
    assert rows(alias).get().args == ["a secret"]
