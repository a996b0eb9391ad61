"""Periodic tasks in the admin, as a browser without a script asks for them: the form refuses what would never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.utils import translation

from celeriac import Celery
from celeriac.admin.schedule_fields import INPUTS, TITLES, input_name
from celeriac.beat.declaring import declared
from celeriac.beat.planning import Planning
from celeriac.beat.synchronising import synchronise
from celeriac.current import current_app_is
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.job import Job
from celeriac.models import PeriodicTask
from celeriac.schedules import KINDS

LIST = "/admin/celeriac/periodictask/"
ADD = f"{LIST}add/"
PREVIEW = f"{LIST}preview/"
GIVEN = {
    "name": "often", "task": "shop.add", "args": "[1]", "kwargs": '{"b": 2}', "kind": "interval", "interval_every_0": "3",
    "interval_every_1": "seconds", "enabled": "on", "misfire": "once", "misfire_limit": "10", "overlap": "allow", "jitter": "0",
    "headers": "{}", "options": "{}",
}  # fmt: skip
WEEK = {"crontab_day_of_week": "*", "crontab_day_of_month": "*", "crontab_month_of_year": "*"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def app() -> Iterator[Celery]:
    app = Celery("shop", set_as_current=False)
    app.conf.update(timezone="Europe/Berlin")

    @app.task(name="shop.add")
    def add(a: int, b: int = 0) -> int:
        """Add two numbers.

        And nothing else.
        """
        return a + b

    app.task(name="shop.count")(lambda *args, **kwargs: None)
    with current_app_is(app):
        yield app
    app.close()


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="gardener", is_staff=True, is_superuser=True))
    return client


def saved(browser: Client, address: str = ADD, **given: str) -> PeriodicTask:
    answer = browser.post(address, {**GIVEN, **given})
    assert answer.status_code == 302, dict(answer.context["adminform"].form.errors)
    return PeriodicTask.objects.get()


def unticked(given: dict[str, str]) -> dict[str, str]:
    """Return what a browser sends where the box Enabled is empty."""
    return {name: value for name, value in given.items() if name != "enabled"}


def refused(browser: Client, address: str = ADD, **given: str) -> dict[str, str]:
    """Return what the form says of each input."""
    answer = browser.post(address, {**GIVEN, **given})
    assert answer.status_code == 200
    errors: Any = answer.context["adminform"].form.errors
    return {name: " ".join(found) for name, found in errors.items()}


def previewed(browser: Client, row: PeriodicTask | None = None, **given: str) -> Any:
    address = PREVIEW if row is None else f"{PREVIEW}?row={row.pk}"
    answer = browser.post(address, {**GIVEN, **given})
    assert answer.status_code == 200
    return answer.json()


def entry(name: str = "often", **columns: Any) -> PeriodicTask:
    return PeriodicTask.objects.create(
        **{"name": name, "kind": "interval", "fields": {"every": 60}, "task": "shop.add", "args": [1], **columns}
    )


def change_page(row: PeriodicTask) -> str:
    return f"{LIST}{row.pk}/change/"


def press(browser: Client, row: PeriodicTask, deed: str) -> None:
    answer = browser.post(f"{LIST}{row.pk}/do/{deed}/", follow=True)
    assert answer.status_code == 200
    row.refresh_from_db()


def choose(browser: Client, action: str, *rows: PeriodicTask) -> str:
    answer = browser.post(LIST, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)
    for row in rows:
        row.refresh_from_db()
    return answer.content.decode()


def jobs() -> list[Job]:
    return SQLBroker("default").find({}, 100)


def a_user(*permissions: str) -> Client:
    user = User.objects.create(username=f"helper {permissions}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="celeriac", codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


# -- the form ------------------------------------------------------------------------------------------------------------------


def test_each_field_of_each_kind_has_one_input() -> None:
    assert {kind: set(fields) for kind, fields in INPUTS.items()} == {name: set(kind.names) for name, kind in KINDS.items()}
    assert set(TITLES) == set(KINDS)


def test_every_3_seconds_is_saved_and_planned_by_the_next_ticker(browser: Client) -> None:
    row = saved(browser)
    assert (row.kind, row.fields, row.args, row.kwargs, row.enabled) == ("interval", {"every": 3}, [1], {"b": 2}, True)
    assert (row.next_run, row.origin, row.time_zone) == (None, "admin", "")


@pytest.mark.parametrize(
    ("kind", "inputs", "fields"),
    [
        ("interval", {"interval_every_0": "1.5", "interval_every_1": "hours", "interval_relative": "on"},
         {"every": 5400, "relative": True}),
        ("crontab", {"crontab_minute": "0", "crontab_hour": "4", "crontab_day_of_week": "mon-fri",
                     "crontab_day_of_month": "*", "crontab_month_of_year": "*"},
         {"minute": "0", "hour": "4", "day_of_week": "mon-fri", "day_of_month": "*", "month_of_year": "*"}),
        ("cron", {"cron_line": "@daily"}, {"line": "0 0 * * *"}),
        ("clocked", {"clocked_clocked_time": "2100-01-31T04:00"}, {"clocked_time": "2100-01-31T04:00:00"}),
        ("solar", {"solar_event": "sunrise", "solar_lat": "52.5", "solar_lon": "13.4"},
         {"event": "sunrise", "lat": 52.5, "lon": 13.4}),
        ("rrule", {"rrule_rule": "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17"}, {"rule": "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17"}),
    ],
)  # fmt: skip
def test_each_kind_is_saved_as_the_code_would_declare_it_and_shown_again(
    browser: Client, kind: str, inputs: dict[str, str], fields: dict[str, Any]
) -> None:
    row = saved(browser, kind=kind, **inputs)
    assert (row.kind, row.fields) == (kind, fields)
    form = browser.get(change_page(row)).context["adminform"].form
    shown = {input_name(kind, name): form.initial.get(input_name(kind, name)) for name in fields}
    assert shown == {input_name(kind, name): value for name, value in fields.items()}


def test_what_must_be_one_of_a_few_offers_nothing_else(browser: Client) -> None:
    form = browser.get(change_page(saved(browser))).context["adminform"].form
    offered = {name: [value for value, _label in form.fields[name].choices] for name in ("misfire", "overlap")}
    assert offered == {"misfire": ["skip", "once", "all"], "overlap": ["allow", "skip", "queue"]}


def test_what_is_in_the_inputs_of_another_kind_does_not_count(browser: Client) -> None:
    row = saved(browser, crontab_minute="99", solar_lat="north", solar_event="moonrise")
    assert row.fields == {"every": 3}


@pytest.mark.parametrize(
    ("given", "name", "text"),
    [
        ({"task": "shop.ad"}, "task", "No task is registered as 'shop.ad'. Did you mean 'shop.add'?"),
        ({"args": "[]"}, "args", "shop.add(a: 'int', b: 'int' = 0) -> 'int' cannot be called so: the argument 'a' is missing."),
        ({"args": "[1, 2, 3]", "kwargs": "{}"}, "args", "too many arguments by position, 3 instead of 2 at most"),
        ({"kwargs": '{"c": 3}'}, "kwargs", "there is no argument 'c'."),
        ({"args": "[1"}, "args", "Enter a valid JSON."),
        ({"args": '{"a": 1}'}, "args", "expected a list"),
        ({"kwargs": "[1]"}, "kwargs", "expected names with values"),
        ({"time_zone": "Europe/Berln"}, "time_zone", "There is no time zone 'Europe/Berln'. Did you mean Europe/Berlin"),
        ({"time_zone": "new york"}, "time_zone", "There is no time zone 'new york'. Did you mean America/New_York?"),
        ({"jitter": "-3"}, "jitter", "jitter is -3.0; expected seconds, 0 or more"),
        ({"misfire_limit": "0"}, "misfire_limit", "misfire_limit is 0; expected 1 to 32767"),
        ({"misfire_limit": "-1"}, "misfire_limit", "misfire_limit is -1; expected 1 to 32767"),
        ({"options": '{"time_limt": 3}'}, "options", "There is no option 'time_limt'"),
        ({"priority": "900"}, "priority", "900"),
        ({"kind": "crontab", "crontab_minute": "0", "crontab_hour": "25"}, "crontab_hour", "hour is '25'"),
        ({"kind": "cron", "cron_line": "0 0 31 2 *"}, "kind", "No month 2 has a day 31"),
        ({"kind": "cron", "cron_line": ""}, "cron_line", "required"),
        ({"interval_every_0": "0"}, "interval_every", "greater than or equal"),
        ({"kind": "clocked", "clocked_clocked_time": "2001-01-01T00:00"}, "kind", "there is none to come"),
        ({"end_0": "2001-01-01", "end_1": "00:00"}, "end", "there is none to come"),
        ({"kind": "rrule", "rrule_rule": "FREQ=OFTEN"}, "rrule_rule", "rule is 'FREQ=OFTEN'"),
    ],
)  # fmt: skip
def test_what_would_not_run_is_refused_where_it_was_typed(browser: Client, given: dict[str, str], name: str, text: str) -> None:
    assert text in refused(browser, **{**WEEK, **given})[name]
    assert not PeriodicTask.objects.exists()


def test_a_name_that_is_taken_is_refused(browser: Client) -> None:
    entry()
    assert "already" in refused(browser)["name"]


def test_arguments_with_types_that_json_lacks_reach_the_task(browser: Client) -> None:
    day = '[{"__type__": "date", "__value__": "2026-11-21"}]'
    row = saved(browser, args=day)
    press(browser, row, "run")
    args, _, _ = decode_payload(jobs()[0].payload)
    assert str(args[0]) == "2026-11-21"


def test_the_tasks_are_suggested_with_their_signatures_and_so_are_the_time_zones(browser: Client) -> None:
    page = browser.get(ADD).content.decode()
    assert '<option value="shop.add">shop.add(a: int, b: int = 0) -&gt; int</option>' in page
    assert '<option value="Australia/Lord_Howe">Australia/Lord Howe</option>' in page, "who types a space finds it"
    assert 'list="id_task_list"' in page


def test_an_entry_that_is_done_can_be_described_anew(browser: Client) -> None:
    row = entry(kind="clocked", fields={"clocked_time": "2001-01-01T00:00:00"}, enabled=False)
    given = {**unticked(GIVEN), "kind": "clocked", "clocked_clocked_time": "2001-01-01T00:00", "description": "done"}
    assert browser.post(change_page(row), given).status_code == 302
    row.refresh_from_db()
    assert (row.description, row.enabled) == ("done", False)


def test_a_refused_form_says_what_was_typed_means_and_nothing_where_it_means_nothing(browser: Client) -> None:
    row = entry(fields={"every": 86400})
    typed = browser.post(change_page(row), {**GIVEN, "task": "gone", "interval_every_0": "7"}).content.decode()
    assert '<strong data-of="words">every 7 seconds</strong>' in typed
    impossible = {**GIVEN, "kind": "cron", "cron_line": "0 0 31 2 *"}
    for address in (change_page(row), ADD):
        page = browser.post(address, impossible).content.decode()
        assert '<strong data-of="words"></strong>' in page
        assert page.count("No month 2 has a day 31") == 1
    unreadable = browser.post(change_page(row), {**GIVEN, "start_0": "soon", "start_1": ""}).content.decode()
    assert '<strong data-of="words"></strong>' in unreadable


@pytest.mark.parametrize(
    ("kind", "shown", "given", "changed"),
    [
        ("interval", {"every": 3}, {}, "No fields changed."),
        ("interval", {"every": 3}, {"interval_every_0": "2", "interval_every_1": "minutes"}, "Changed Every."),
        ("interval", {"every": 3}, {"crontab_minute": "7", "cron_line": "@daily", "jitter": "2"}, "Changed Jitter."),
        ("interval", {"every": 60}, {"kind": "cron", "cron_line": "@daily"}, "Changed Kind of schedule and Line."),
        ("crontab", {"minute": "0", "hour": "4"}, {**WEEK, "crontab_minute": "0", "crontab_hour": "5"}, "Changed Hour."),
        ("clocked", {"clocked_time": "2100-01-31T04:00:00"}, {"clocked_clocked_time": "2100-01-31T04:00"},
         "No fields changed."),
        ("solar", {"event": "sunrise", "lat": 52.5, "lon": 13.4},
         {"solar_event": "sunset", "solar_lat": "52.50", "solar_lon": "13.4"}, "Changed Event."),
    ],
)  # fmt: skip
def test_the_history_names_what_was_changed_and_nothing_else(
    browser: Client, kind: str, shown: dict[str, Any], given: dict[str, str], changed: str
) -> None:
    bounds = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2100, 12, 1, tzinfo=UTC)}
    row = entry(kind=kind, fields=shown, kwargs={"b": 2}, **bounds)
    form = browser.get(change_page(row)).context["adminform"].form
    parts = {name: form.fields[name].widget.decompress(form[name].value()) for name in bounds}
    times = {f"{name}_{at}": str(part) for name, both in parts.items() for at, part in enumerate(both)}
    sent = {**GIVEN, "initial-headers": "{}", "initial-options": "{}", "kind": kind, **times, **given}
    assert browser.post(change_page(row), sent).status_code == 302
    assert LogEntry.objects.get().get_change_message() == changed


# -- while one types -----------------------------------------------------------------------------------------------------------


def test_the_preview_says_words_times_signature_and_nothing_against_what_is_right(browser: Client) -> None:
    said = previewed(browser, kind="cron", cron_line="30 4 * * mon", time_zone="Asia/Shanghai")
    assert said["schedule"]["words"] == "at 04:30, every Monday"
    assert said["schedule"]["zone"] == "Asia/Shanghai"
    assert len(said["schedule"]["times"]) == 5
    assert all(time.startswith("Mon ") and time.endswith(" 04:30:00") for time in said["schedule"]["times"])
    assert said["task"] == {"signature": "shop.add(a: int, b: int = 0) -> int", "about": "Add two numbers."}
    assert said["errors"] == {}
    assert not PeriodicTask.objects.exists()


def test_the_preview_hints_at_each_minute_of_an_hour(browser: Client) -> None:
    said = previewed(browser, kind="crontab", crontab_minute="*", crontab_hour="4", **WEEK)
    assert "write minute=0" in said["schedule"]["hint"]


def test_the_preview_says_what_is_wrong_by_input_and_does_not_nag_about_what_is_still_empty(browser: Client) -> None:
    said = previewed(browser, name="", task="", kind="crontab", crontab_minute="61", crontab_hour="*", **WEEK)
    assert said["errors"]["crontab_minute"]
    assert "name" not in said["errors"]
    assert said["errors"]["task"] == []
    assert (said["schedule"], said["task"]) == (None, None)


def test_the_preview_counts_from_start_to_end_as_the_ticker_will(browser: Client) -> None:
    bounds = {"start_0": "2100-01-01", "start_1": "00:00:00", "end_0": "2100-01-01", "end_1": "02:00:00"}
    said = previewed(browser, interval_every_0="1", interval_every_1="hours", time_zone="UTC", **bounds)
    assert said["schedule"]["times"] == [f"Fri 2100-01-01 0{hour}:00:00" for hour in range(3)]


@pytest.mark.parametrize("misfire", ["once", "all"])
def test_an_interval_that_is_saved_goes_on_from_the_time_that_is_planned(browser: Client, misfire: str) -> None:
    planned_for = datetime(2100, 1, 1, 0, 34, 5, tzinfo=UTC)
    row = entry(fields={"every": 3600}, time_zone="UTC", next_run=planned_for, misfire=misfire, kwargs={"b": 2})
    planned = [f"Fri 2100-01-01 0{hour}:34:05" for hour in range(5)]
    page = browser.get(change_page(row)).content.decode()
    assert re.findall("<li>(Fri .*?)</li>", page) == planned
    given = {"interval_every_0": "1", "interval_every_1": "hours", "time_zone": "UTC", "misfire": misfire}
    assert previewed(browser, row, **given, description="new")["schedule"]["times"] == planned
    changed = previewed(browser, row, **{**given, "interval_every_0": "2"})["schedule"]["times"]
    assert not set(changed) & set(planned), "it is planned anew when that is saved"
    paused = browser.post(f"{PREVIEW}?row={row.pk}", {**unticked(GIVEN), **given}).json()["schedule"]["times"]
    assert not set(paused) & set(planned)
    row.refresh_from_db()
    assert row.description == "", "a preview saves nothing"


def test_a_time_that_is_late_comes_first_and_the_others_follow_in_its_row(browser: Client) -> None:
    planned_for = datetime(2001, 1, 1, 0, 34, 5, tzinfo=UTC)
    row = entry(fields={"every": 86400}, time_zone="UTC", next_run=planned_for, kwargs={"b": 2})
    given = {"interval_every_0": "1", "interval_every_1": "days", "time_zone": "UTC"}
    late, *others = (datetime.fromisoformat(time[4:] + "Z") for time in previewed(browser, row, **given)["schedule"]["times"])
    assert late == planned_for
    assert {f"{time:%H:%M:%S}" for time in others} == {"00:34:05"}
    assert all(time > datetime.now(UTC) for time in others)


def test_what_has_run_is_not_promised_again_where_the_clock_was_put_back(browser: Client) -> None:
    row = entry(kind="cron", fields={"line": "0 4 * * *"}, time_zone="UTC", last_run=datetime(2100, 1, 1, 4, tzinfo=UTC))
    said = previewed(browser, row, kind="cron", cron_line="0 4 * * *", time_zone="UTC")
    assert said["schedule"]["times"][0] == "Sat 2100-01-02 04:00:00"


def test_a_wrong_zone_is_named_while_other_inputs_are_still_empty(browser: Client) -> None:
    said = previewed(browser, interval_every_0="", time_zone="utc")
    assert said["errors"]["time_zone"] == ["There is no time zone 'utc'. Did you mean UTC, Etc/UTC?"]
    assert said["errors"]["interval_every"] == []


def test_the_preview_of_an_entry_is_for_those_who_may_change_it() -> None:
    row = entry()
    address = f"{PREVIEW}?row={row.pk}"
    assert a_user("add_periodictask", "view_periodictask").post(address, GIVEN).status_code == 403
    assert a_user("change_periodictask").post(address, GIVEN).status_code == 200


def test_the_preview_is_for_those_who_may_write(client: Client) -> None:
    assert a_user("view_periodictask").post(PREVIEW, GIVEN).status_code == 403
    assert client.post(PREVIEW, GIVEN).status_code == 302, "to the login"


# -- deeds ---------------------------------------------------------------------------------------------------------------------


def test_run_now_enqueues_a_job_that_is_marked_and_moves_no_tick(browser: Client) -> None:
    next_run = datetime.now(UTC) + timedelta(hours=1)
    row = entry(queue="slow", next_run=next_run, jitter=30.0, options={"countdown": 60})
    press(browser, row, "run")
    [job] = jobs()
    assert (job.task, job.queue, job.schedule, job.state.value) == ("shop.add", "slow", "often", "waiting")
    assert decode_payload(job.payload)[2]["periodic_task_name"] == "often"
    assert (row.next_run, row.total_run_count, row.last_run, row.last_job, row.recent) == (next_run, 0, None, None, [job.id])
    assert job.id in LogEntry.objects.get().get_change_message()


def test_the_last_runs_are_on_the_page_ticks_and_others_the_latest_first(browser: Client, app: Celery) -> None:
    row = entry(next_run=datetime.now(UTC) - timedelta(seconds=1))
    broker = SQLBroker("default")
    assert SQLAgenda(broker, Planning(app)).fire(10) == 0.0
    press(browser, row, "run")
    first, last = (job.id for job in reversed(jobs()))
    assert row.recent == [first, last]
    page = browser.get(change_page(row)).content.decode()
    assert page.index(last) < page.index(first)


def test_pause_and_resume_have_it_planned_anew_and_are_in_the_log(browser: Client) -> None:
    row = entry(next_run=datetime(2100, 1, 1, tzinfo=UTC))
    press(browser, row, "pause")
    assert (row.enabled, row.next_run) == (False, None)
    press(browser, row, "resume")
    assert row.enabled
    assert [log.get_change_message() for log in LogEntry.objects.order_by("pk")] == ["Paused.", "Resumed."]


def test_what_could_not_run_is_not_resumed_and_says_why(browser: Client) -> None:
    row = entry(task="gone", enabled=False)
    said = choose(browser, "resume_selected", row)
    assert "No task is registered as &#x27;gone&#x27;" in said
    assert not row.enabled


def test_a_time_that_was_planned_before_the_pause_counts_no_more(browser: Client) -> None:
    past = datetime(2001, 1, 1, tzinfo=UTC)
    row = entry(kind="clocked", fields={"clocked_time": past.isoformat()}, enabled=False, next_run=past)
    assert (
        "2001-01-01" not in browser.get(change_page(row)).content.decode().partition('data-of="times"')[2].partition("</ol>")[0]
    )
    assert "there is none to come" in choose(browser, "resume_selected", row)
    assert not row.enabled


def test_actions_reach_all_that_were_chosen(browser: Client) -> None:
    rows = [entry(name) for name in ("a", "b")]
    choose(browser, "run_selected", *rows)
    assert {job.schedule for job in jobs()} == {"a", "b"}
    choose(browser, "pause_selected", *rows)
    assert not any(row.enabled for row in rows)


def test_each_deed_wants_its_permission() -> None:
    row = entry()
    helper = a_user("view_periodictask", "run_periodictask")
    assert helper.post(f"{LIST}{row.pk}/do/pause/").status_code == 403
    assert helper.post(f"{LIST}{row.pk}/do/run/").status_code == 302
    assert len(jobs()) == 1
    page = helper.get(change_page(row)).content.decode()
    assert "Run now" in page
    assert "/do/pause/" not in page
    assert helper.get(f"{LIST}{row.pk}/do/run/").status_code == 405, "a link does nothing"


def test_who_may_change_may_not_therefore_run() -> None:
    row = entry()
    helper = a_user("view_periodictask", "change_periodictask")
    assert helper.post(f"{LIST}{row.pk}/do/run/").status_code == 403
    assert jobs() == []


def test_a_clone_is_the_form_filled_with_another_entry(browser: Client) -> None:
    row = entry(kind="cron", fields={"line": "0 4 * * *"}, kwargs={"b": 3}, misfire="all", time_zone="Asia/Tokyo")
    form = browser.get(f"{ADD}?clone={row.pk}").context["adminform"].form
    assert [form[name].value() for name in ("name", "kind", "cron_line", "time_zone", "misfire")] == [
        "often (copy)", "cron", "0 4 * * *", "Asia/Tokyo", "all",
    ]  # fmt: skip
    assert form["kwargs"].value() == '{"b": 3}'


# -- what the code declares ----------------------------------------------------------------------------------------------------


@pytest.fixture
def from_code(app: Celery) -> PeriodicTask:
    app.conf.beat_schedule = {"coded": {"task": "shop.add", "schedule": 60, "args": [1], "kwargs": {"b": 2}}}
    synchronise("default", declared(app))
    return PeriodicTask.objects.get()


def test_what_was_changed_is_shown_beside_the_declaration_and_put_back(browser: Client, from_code: PeriodicTask) -> None:
    given = {**GIVEN, "name": "coded", "interval_every_0": "5", "interval_every_1": "minutes"}
    assert browser.post(change_page(from_code), given).status_code == 302
    from_code.refresh_from_db()
    assert from_code.overrides == {"fields": {"every": 300}}
    page = browser.get(change_page(from_code)).content.decode()
    assert "fields: {&#x27;every&#x27;: 300} (in the code: {&#x27;every&#x27;: 60})" in page
    assert "code, changed" in browser.get(LIST).content.decode()
    press(browser, from_code, "restore")
    assert (from_code.fields, from_code.overrides) == ({"every": 60}, {})


def test_what_the_code_declares_keeps_its_name_here(browser: Client, from_code: PeriodicTask) -> None:
    shown = [browser.get(change_page(row)).context["adminform"].form.fields["name"] for row in (from_code, entry("mine"))]
    assert [field.disabled for field in shown] == [True, False]
    given = {**GIVEN, "name": "renamed", "interval_every_0": "1", "interval_every_1": "minutes"}
    assert browser.post(change_page(from_code), given).status_code == 302
    from_code.refresh_from_db()
    assert from_code.name == "coded"


def test_saving_it_unchanged_overrides_nothing(browser: Client, from_code: PeriodicTask) -> None:
    given = {**GIVEN, "name": "coded", "interval_every_0": "1", "interval_every_1": "minutes"}
    assert browser.post(change_page(from_code), given).status_code == 302
    from_code.refresh_from_db()
    assert from_code.overrides == {}


def test_a_time_with_an_offset_in_the_code_stays_as_it_is(browser: Client, app: Celery) -> None:
    from celeriac.schedules import clocked

    app.conf.beat_schedule = {"coded": {"task": "shop.count", "schedule": clocked("2100-01-31T04:00:00+05:00")}}
    synchronise("default", declared(app))
    row = PeriodicTask.objects.get()
    shown = browser.get(change_page(row)).context["adminform"].form.initial["clocked_clocked_time"]
    assert shown == "2100-01-31T00:00:00", "by the clocks of the project's zone"
    given = {**GIVEN, "name": "coded", "task": "shop.count", "args": "[]", "kwargs": "{}", "kind": "clocked",
             "clocked_clocked_time": "2100-01-31T00:00"}  # fmt: skip
    assert browser.post(change_page(row), given).status_code == 302
    row.refresh_from_db()
    assert row.overrides == {}


def test_what_the_code_declares_is_not_deleted_and_what_left_it_is_only_looked_at(
    browser: Client, from_code: PeriodicTask, app: Celery
) -> None:
    assert browser.get(f"{LIST}{from_code.pk}/delete/").status_code == 403
    app.conf.beat_schedule = {}
    synchronise("default", declared(app))
    page = browser.get(change_page(from_code)).content.decode()
    assert 'name="task"' not in page
    assert "retired" in page
    assert "?clone=" in page
    assert "no longer declared" in choose(browser, "resume_selected", from_code)
    assert not from_code.enabled
    assert browser.get(f"{LIST}{from_code.pk}/delete/").status_code == 200


# -- rows that came by SQL -----------------------------------------------------------------------------------------------------

BROKEN: dict[str, dict[str, str]] = {
    "unknown task": {"task": "'gone'"},
    "impossible time": {"kind": "'cron'", "fields": """'{"line": "0 0 31 2 *"}'"""},
    "unknown kind": {"kind": "'moon'"},
    "fields that are a list": {"fields": "'[]'"},
    "arguments that are a number": {"args": "'3'"},
    "unknown zone": {"time_zone": "'Nowhere'"},
    "a start that no calendar has": {"start": "'2026-13-45 00:00:00'"},
}


def spoil(row: PeriodicTask, what: str) -> None:
    with connection.cursor() as cursor:
        columns = ", ".join(f"{column} = {value}" for column, value in BROKEN[what].items())
        cursor.execute(f"update celeriac_periodic set {columns} where id = %s", [row.pk])


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_row_that_came_by_sql_is_shown_as_broken_with_its_reason_and_stops_no_other(
    browser: Client, app: Celery, what: str
) -> None:
    late = datetime.now(UTC) - timedelta(seconds=90)  # longer than a task that nobody knows is waited for
    bad, good = entry("bad", next_run=late), entry("good", next_run=late)
    spoil(bad, what)
    broker = SQLBroker("default")
    while SQLAgenda(broker, Planning(app)).fire(10) == 0.0:
        continue
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.enabled, good.enabled, good.total_run_count > 0) == (False, True, True)
    assert bad.problem
    shown = browser.get(change_page(bad)).context["adminform"].model_admin.problem_text(bad)
    assert shown == bad.problem
    assert 'celeriac-broken" title=' in browser.get(LIST).content.decode()


@pytest.mark.parametrize(
    "what", sorted(BROKEN.keys() - {"a start that no calendar has"})
)  # Django reads none with such a start
def test_a_bad_row_can_be_looked_at_before_any_ticker_has(browser: Client, what: str) -> None:
    bad = entry("bad")
    spoil(bad, what)
    assert browser.get(LIST).status_code == 200
    assert browser.get(change_page(bad)).status_code == 200


def test_a_next_time_that_no_calendar_has_is_planned_anew(browser: Client, app: Celery) -> None:
    row = entry()
    with connection.cursor() as cursor:
        cursor.execute("update celeriac_periodic set next_run = '2026-13-45 00:00:00'")
    broker = SQLBroker("default")
    while SQLAgenda(broker, Planning(app)).fire(10) == 0.0:
        continue
    row.refresh_from_db()
    assert row.enabled
    assert row.next_run is not None


# -- who ticks -----------------------------------------------------------------------------------------------------------------


def test_a_banner_names_the_command_where_nobody_fires_what_is_due(browser: Client) -> None:
    assert "python manage.py celeriac worker" in browser.get(LIST).content.decode()
    assert "python manage.py celeriac worker" in browser.get(ADD).content.decode()
    worker = WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="beat", concurrency=0, queues=[])
    SQLBroker("default").join(worker, 60.0)
    assert "celeriac-banner" not in browser.get(LIST).content.decode()


def test_with_a_broker_that_does_not_last_the_banner_says_that_nothing_is_fired(browser: Client, app: Celery) -> None:
    app.conf.update(broker_url="memory://")
    assert "no periodic task is fired" in browser.get(LIST).content.decode()


LABELS = (
    r"<label[^>]*>(.*?)</label>", r"<legend[^>]*>(.*?)</legend>", r"<h[1-6][^>]*>(.*?)</h[1-6]>", r"<th[ >].*?</th>",
    r"<summary>(.*?)</summary>", r'<div class="help"[^>]*>(.*?)</div>', r"<p class=\"celeriac-banner\"[^>]*>(.*?)</p>",
)  # fmt: skip
"""Where a page says what something is."""


def labels_without_chinese(page: str) -> set[str]:
    """Return the labels, heads, titles and explanations of a page that have no Chinese character."""
    content = page[page.index('id="content"') :]  # what stands beside it is Django's own
    matches = [match[0] for label in LABELS for match in re.finditer(label, content, re.DOTALL)]
    found = {re.sub(r"<[^>]*>|\s+", " ", text).strip() for text in matches}
    return {text for text in found if text and not re.search("[\u4e00-\u9fff]", text)}


def test_every_label_head_filter_and_explanation_is_in_chinese_too(browser: Client) -> None:
    row = entry()
    pages = (LIST, ADD, change_page(row), *(f"/admin/celeriac/{model}/" for model in ("job", "queue", "worker")))
    with override_settings(LANGUAGE_CODE="zh-hans"), translation.override("zh-hans"):
        english = {address: labels_without_chinese(browser.get(address).content.decode()) for address in pages}
        refusal = refused(browser, args="[]", jitter="-1")
    assert not {address: found - {row.name} for address, found in english.items() if found - {row.name}}
    assert refusal["args"] == "不能这样调用 shop.add(a: 'int', b: 'int' = 0) -> 'int'：缺少参数 'a'。"
    assert refusal["jitter"].startswith("jitter 是 -1.0；应为秒数")


def test_nothing_of_an_entry_is_unescaped(browser: Client) -> None:
    row = entry("<b>x</b>", problem="<i>y</i>", recent=["<u>z</u>"], description="<s>d</s>")
    for page in (browser.get(LIST), browser.get(change_page(row))):
        assert not {"<b>x", "<i>y", "<u>z", "<s>d"} & {part[:4] for part in page.content.decode().split("\n")}
        assert b"<b>x" not in page.content
        assert b"<i>y" not in page.content


def test_no_page_has_a_script_or_a_style_in_it(browser: Client) -> None:
    row = entry()
    for address in (LIST, ADD, change_page(row)):
        page = browser.get(address).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert all("src=" in tag or "application/json" in tag for tag in page.split("<script")[1:])


def test_the_migrations_know_of_every_column() -> None:
    call_command("makemigrations", "celeriac", check=True, dry_run=True, verbosity=0)
