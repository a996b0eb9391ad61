"""Jobs, workers and queues in the admin: one set of pages, whatever broker keeps the jobs."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.utils import translation

from celeriac import Celery, listing
from celeriac.admin import job_actions, store
from celeriac.current import current_app_is
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.clock import SystemClock
from celeriac.engine.codec import encode_failure, encode_payload, encode_result
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import a_child, a_job, a_worker, an_outcome, claim_one, known

JOBS, WORKERS, QUEUES = (f"/admin/celeriac/{name}/" for name in ("job", "worker", "queue"))
KEY = "sixteen characters and more"

pytestmark = pytest.mark.django_db

Login = Callable[..., Client]
Push = Callable[..., Job]


@pytest.fixture(params=["django", "memory"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """An app whose jobs are in the database of the admin, or elsewhere."""
    app = Celery("shop", broker="django://default", set_as_current=False)
    if request.param == "memory":
        elsewhere = MemoryBroker(SystemClock())
        monkeypatch.setattr(app, "broker", lambda: elsewhere)
    app.conf.update(task_queues=["default", "slow"])

    @app.task(name="shop.pay")
    def pay(order: int, card: str, *secrets: str, note: str = "") -> None: ...

    app.task(name="shop.count")(lambda *args, **kwargs: None)
    with current_app_is(app):
        yield app
    app.close()


@pytest.fixture
def push(app: Celery) -> Push:
    """Return what enqueues a job and brings it into a state."""

    def push(state: State = State.WAITING, args: Any = (), kwargs: Any = None, **fields: Any) -> Job:
        outcome = fields.pop("outcome", {})
        payload = fields.pop("payload", None) or encode_payload(
            "x", list(args), kwargs or {}, fields.pop("embed", None), 100_000
        )
        if state is State.SCHEDULED:
            fields |= {"state": state, "run_at": time.time() + 3_600}
        job = a_job(payload=payload, **{"task": "shop.count", **fields})
        app.broker().push([job])
        if state not in (State.WAITING, State.SCHEDULED):
            claimed = claim_one(app.broker(), a_child(app.broker()), job.queue)
            if state is not State.RUNNING:
                app.broker().settle([an_outcome(claimed, state, worker="fig@tree", **outcome)])
        return known(app.broker(), job.id)

    return push


@pytest.fixture
def login() -> Login:
    """Return what logs somebody in who may view everything and has these permissions besides."""

    def login(*permissions: str, views: bool = True) -> Client:
        user = User.objects.create(username="gardener", is_staff=True)
        names = [*permissions, *(["view_job", "view_worker", "view_queue"] if views else [])]
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="celeriac", codename__in=names))
        client = Client()
        client.force_login(user)
        return client

    return login


def page(browser: Client, address: str = JOBS, status: int = 200, **asked: str) -> str:
    answer = browser.get(address, asked)
    assert answer.status_code == status
    return answer.content.decode()


def listed(text: str) -> list[str]:
    """Return the ids of the jobs on a page of the list."""
    return re.findall(r'name="_selected_action" value="([^"]+)"', text) or re.findall(r"/job/([^/\"]+)/change/\?*", text)


def ids(*jobs: Job) -> list[str]:
    return [job.id for job in jobs]


def at(job: Job) -> str:
    return f"{JOBS}{job.id}/change/"


def act(browser: Client, action: str, *jobs: Job, address: str = JOBS, **more: str) -> str:
    """Carry out an action and return the page that follows."""
    given = {"action": action, "_selected_action": ids(*jobs), **more}
    return browser.post(address, given, follow=True).content.decode()


def written() -> list[tuple[str, str]]:
    """Return what the admin's log says: of what, and what was done."""
    return [(entry.object_id or "", entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


# -- the list ------------------------------------------------------------------------------------------------------------------


def test_the_list_says_where_each_job_is_the_newest_first(push: Push, login: Login) -> None:
    jobs = [push(State.SUCCEEDED), push(State.FAILED, queue="slow"), push(State.RUNNING), push(State.SCHEDULED), push()]
    text = page(login())
    assert listed(text) == ids(*jobs[::-1])
    assert re.findall(r'celeriac-badge celeriac-(\w+)">(\w+)<', text) == [
        ("other", "waiting"), ("other", "scheduled"), ("running", "running"), ("bad", "failed"), ("good", "succeeded"),
    ]  # fmt: skip
    assert text.count("250 ms") == 2
    assert text.count('field-by">fig@tree') == 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"state": "failed"}, [1]),
        ({"state": "waiting"}, [3]),
        ({"state": "succeeded"}, [2, 0]),
        ({"queue": "slow"}, [2, 1]),
        ({"task": "shop.pay"}, [3, 2]),
        ({"task": "shop.pay", "queue": "slow"}, [2]),
        ({"task": "no.such.task"}, []),
        ({"within": "hour"}, [3, 2, 1, 0]),
        ({"within": "day", "state": "failed"}, [1]),
    ],
    ids=str,
)
def test_the_list_is_narrowed_down(push: Push, login: Login, asked: dict[str, str], found: list[int]) -> None:
    jobs = [
        push(State.SUCCEEDED), push(State.FAILED, queue="slow"), push(State.SUCCEEDED, task="shop.pay", queue="slow"),
        push(task="shop.pay"),
    ]  # fmt: skip
    assert listed(page(login(), **asked)) == [jobs[index].id for index in found]


def test_what_was_enqueued_before_the_time_asked_for_is_left_out(app: Celery, push: Push, login: Login) -> None:
    push()
    later = app.clock.wall() + 7_200
    app.clock = type("Later", (), {"wall": lambda self: later, "monotonic": time.monotonic})()
    browser = login()
    assert listed(page(browser, within="hour")) == []
    assert len(listed(page(browser, within="day"))) == 1


def test_a_search_within_a_time_ends_where_that_ends(app: Celery, login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing.page, "__defaults__", (None, 4, 0.0, None))
    monkeypatch.setattr(listing, "DEPTH", 3)
    app.broker().push([a_job() for _ in range(9)])
    later = app.clock.wall() + 7_200
    app.clock = type("Later", (), {"wall": lambda self: later})()
    browser = login()
    assert linked(page(browser, within="hour", task="shop.pay"), "next") is None
    assert linked(page(browser, within="day", task="shop.pay"), "next") is not None


@pytest.mark.parametrize("asked", [{"state": "lost"}, {"within": "year"}, {"number__gt": "3"}, {"payload": "x"}], ids=str)
def test_a_filter_that_does_not_exist_leads_back_to_the_list(app: Celery, login: Login, asked: dict[str, str]) -> None:
    answer = login().get(JOBS, asked)
    assert answer.status_code in (302, 400)
    assert answer.status_code == 400 or answer["Location"].endswith("?e=1")


def test_a_search_finds_ids_tasks_and_arguments(push: Push, login: Login) -> None:
    first = push(id="abc-1", kwargs={"order": "Küche 7"})
    push(id="xyz-2")
    paid = push(id="abd-3", task="shop.pay", args=[71, "4711"])
    browser = login()
    for text, found in {
        "abc-1": [first], "ab": [paid, first], "pay": [paid], "Küche": [first], "71": [paid], "nothing like it": [],
    }.items():  # fmt: skip
        assert listed(page(browser, q=text)) == ids(*found), text


def test_a_search_does_not_find_out_what_is_hidden(push: Push, login: Login) -> None:
    push(task="shop.pay", args=[71, "4711-0815", "geheim"], kwargs={"deep": [{"api_key": "k-123"}]})
    browser = login("reveal_job")
    assert len(listed(page(browser, q="deep"))) == 1
    for secret in ("4711-0815", "geheim", "k-123", "0815"):
        assert listed(page(browser, q=secret)) == []


@pytest.mark.parametrize("asked", [{}, {"state": "waiting"}, {"q": "shop"}, {"queue": "default"}], ids=str)
def test_pages_have_each_job_once_also_where_all_came_at_the_same_time(
    app: Celery, login: Login, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    monkeypatch.setattr(listing.page, "__defaults__", (None, 4, 60.0, None))
    jobs = [a_job(task="shop.count") for _ in range(11)]
    app.broker().push(jobs)
    browser, seen, pages = login(), [], []
    address: str | None = "?" + "&".join(f"{name}={value}" for name, value in asked.items())
    while address:
        text = browser.get(JOBS + address).content.decode()
        pages.append(listed(text))
        seen += pages[-1]
        app.broker().push([a_job(task="shop.count")])  # what comes meanwhile does not shift the pages
        address = linked(text, "next")
    assert seen == ids(*jobs[::-1])
    assert [len(each) for each in pages] == [4, 4, 3]
    back = linked(text, "prev")
    assert back is not None
    text = browser.get(JOBS + back).content.decode()
    assert listed(text) == pages[1]
    newest = linked(text, "prev")
    assert newest is not None
    assert "before" not in newest
    assert all(f"{name}={value}" in newest for name, value in asked.items())


def linked(text: str, rel: str) -> str | None:
    found = re.search(rf'<a href="([^"]+)" rel="{rel}"', text)
    return html.unescape(found[1]) if found else None


def test_a_search_that_takes_too_long_says_how_far_it_came_and_goes_on(
    app: Celery, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing.page, "__defaults__", (None, 4, 0.0, None))
    monkeypatch.setattr(listing, "DEPTH", 3)
    rare = a_job(task="shop.pay")
    app.broker().push([rare, *(a_job() for _ in range(6))])
    browser, address, pages = login(), "?task=shop.pay", 0
    while address:
        text = browser.get(JOBS + address).content.decode()
        pages += 1
        address = linked(text, "next") or ""
        assert ("Looked at the jobs back to" in text) == ("look further" in text) == bool(address)
    assert pages == 3
    assert listed(text) == [rare.id]


def test_places_in_an_address_that_make_no_sense_show_the_newest(push: Push, login: Login) -> None:
    job = push()
    browser = login()
    for before in ("0", "-1", "x", "9" * 40, "٣", "1.5"):
        assert listed(page(browser, before=before, trail=f"{before}..{before}")) == [job.id]


# -- one job -------------------------------------------------------------------------------------------------------------------


def test_a_page_shows_all_of_a_job(app: Celery, push: Push, login: Login) -> None:
    failure = Failure(type="KeyError", module="builtins", message="plum", traceback="Traceback: line 7\nKeyError: plum")
    parent = push()
    job = push(
        State.FAILED, task="shop.pay", args=[71], kwargs={"note": "Küche"}, parent=parent.id, root=parent.id, priority=7,
        headers={"language": "de"}, embed={"time_limit": 9},
        outcome={"failure": failure, "result": encode_failure(failure), "log": "one\ntwo", "progress": {"done": 3, "total": 9}},
    )  # fmt: skip
    child = push(parent=job.id, root=parent.id)
    text = html.unescape(page(login(), at(job)))
    for shown in (
        job.id,
        "shop.pay",
        "failed",
        "fig@tree",
        "3 / 9",
        "Küche",
        "language",
        "time_limit",
        "Traceback: line 7",
        "two",
    ):
        assert shown in text, shown
    assert "KeyError: plum" in text
    assert re.search(r"order</th><td><pre>71<", text)
    assert re.search(rf"Enqueued by</th><td><a href=\"{at(parent)}\"", text)
    assert re.search(rf"Enqueued</th><td><a href=\"{at(child)}\"", text)
    assert f'Enqueued by</th><td><a href="{at(job)}"' in page(login_again(), at(child))


def login_again() -> Client:
    client = Client()
    client.force_login(User.objects.get())
    return client


def test_a_retry_by_hand_is_linked_both_ways(push: Push, login: Login) -> None:
    job = push(State.FAILED)
    browser = login("retry_job")
    act(browser, "retry", job)
    again = page(browser, at(job))
    [new] = re.findall(r"Was retried as</th><td><a href=\"([^\"]+)\"", again)
    assert f'Is a retry of</th><td><a href="{at(job)}"' in page(browser, new)


def test_the_members_of_a_group_are_linked(push: Push, login: Login) -> None:
    one, two = push(group="g"), push(group="g")
    text = page(login(), at(one))
    assert re.findall(r"In the same group</th><td><a href=\"([^\"]+)\"", text) == [at(two)]


def test_nothing_of_a_job_is_taken_for_html(app: Celery, push: Push, login: Login) -> None:
    evil = "<script>alert(1)</script>\"' onload=x"
    failure = Failure(type=evil, module=evil, message=evil, traceback=evil)
    job = push(
        State.FAILED, id="a/b <c>?&\"'", task=evil, args=[evil], kwargs={evil: {evil: evil}}, headers={evil: evil}, parent=evil,
        schedule=evil, outcome={"failure": failure, "log": evil, "result": encode_failure(failure)},
    )  # fmt: skip
    browser = login("cancel_job", "delete_job")
    [address] = re.findall(r'field-job"><a href="([^"]+)"', page(browser))
    shown = [page(browser), page(browser, html.unescape(address)), act(browser, "delete", job), page(browser, q=evil)]
    for text in shown:
        assert "<script>alert" not in text
        assert "onload=x>" not in text
    assert "&lt;script&gt;alert(1)" in shown[1]
    assert len(listed(shown[3])) == 1


def test_what_has_a_secret_name_is_hidden_until_somebody_may_and_wants_to_see_it(push: Push, login: Login) -> None:
    job = push(
        State.SUCCEEDED, task="shop.pay", args=[71, "4711-0815", "geheim"], headers={"X-Api-Key": "k-1"},
        kwargs={"note": "fine", "deep": [{"userPassword": "p-1", "harmless": "plain"}]}, metadata={"accessToken": "t-1"},
        embed={"callbacks": [{"task": "shop.pay", "args": [1, "4711-0816"], "kwargs": {"cvv": "c-1"}}]},
        outcome={"result": encode_result({"token": "t-2", "sum": 9}), "progress": {"meta": {"cookie": "o-1"}}},
    )  # fmt: skip
    secrets = ("4711-0815", "geheim", "k-1", "p-1", "t-1", "4711-0816", "c-1", "t-2", "o-1")
    browser = login("reveal_job")
    text = page(browser, at(job))
    assert [secret for secret in secrets if secret in text] == []
    assert all(shown in text for shown in ("fine", "plain", "harmless", "71", "*secrets 3"))
    assert written() == []
    revealed = browser.post(at(job), {"reveal": "yes"})
    assert [secret for secret in secrets if secret not in revealed.content.decode()] == []
    assert "no-store" in revealed["Cache-Control"]
    assert written() == [(job.id, "Looked at what is hidden.")]


def test_who_may_not_reveal_is_refused_and_nothing_is_written_down(push: Push, login: Login) -> None:
    job = push(task="shop.pay", args=[71, "4711-0815"])
    browser = login("retry_job", "delete_job")
    assert "Show what is hidden" not in page(browser, at(job))
    answer = browser.post(at(job), {"reveal": "yes"})
    assert answer.status_code == 403
    assert "4711" not in answer.content.decode()
    assert written() == []


def test_a_project_says_itself_what_is_hidden(app: Celery, push: Push, login: Login) -> None:
    app.conf.update(hidden_names="^garden")
    job = push(task="shop.pay", args=[71, "4711-0815"], kwargs={"gardener": "Kim"})
    text = page(login(), at(job))
    assert "4711-0815" in text
    assert "Kim" not in text


def test_encrypted_arguments_are_decrypted_for_who_may_see_what_is_hidden(app: Celery, push: Push, login: Login) -> None:
    app.conf.update(encryption_keys=[KEY])
    sealed = app.task(name="shop.sealed")(lambda note: None).apply_async(("very plain",), queue="default")
    browser = login("reveal_job")
    address = f"{JOBS}{sealed.id}/change/"
    text = page(browser, address)
    assert "The arguments are encrypted." in text
    assert "very plain" not in text
    assert listed(page(browser, q="plain")) == []
    assert "very plain" in browser.post(address, {"reveal": "yes"}).content.decode()
    app.conf.update(encryption_keys=["another one, of sixteen and more"])
    answer = browser.post(address, {"reveal": "yes"}).content.decode()
    assert "It is encrypted with a key" in html.unescape(answer)


def test_a_job_that_cannot_be_read_is_shown_with_the_reason(push: Push, login: Login) -> None:
    job = push(payload=b"\xff no JSON")
    browser = login()
    assert "no JSON" not in page(browser, at(job))
    assert listed(page(browser, q=job.id)) == [job.id]


def test_a_job_that_is_gone_leads_to_the_list_with_a_word(app: Celery, login: Login) -> None:
    answer = login().get(f"{JOBS}no-such-job/change/", follow=True)
    assert answer.redirect_chain == [(JOBS, 302)]
    assert "There is no job no-such-job." in answer.content.decode()


# -- actions -------------------------------------------------------------------------------------------------------------------


def states(app: Celery, *jobs: Job) -> list[State]:
    return [known(app.broker(), job.id).state for job in jobs]


def test_ended_jobs_are_run_again_and_parked_ones_go_on(app: Celery, push: Push, login: Login) -> None:
    failed, parked, waiting = push(State.FAILED), push(State.PARKED), push()
    text = act(login("retry_job"), "retry", failed, parked, waiting)
    assert "Jobs run again: 2 of 3." in text
    assert "It has not ended: it is waiting." in text
    [new] = [job for job in app.broker().find({}, 10) if job.parent == failed.id]
    assert written() == [(failed.id, f"Run again. {new.id}"), (parked.id, "Run again.")]
    assert states(app, parked) == [State.WAITING]


def test_scheduled_jobs_are_run_now(app: Celery, push: Push, login: Login) -> None:
    scheduled, waiting = push(State.SCHEDULED), push()
    text = act(login("run_job"), "run_now", scheduled, waiting, address=at(scheduled))
    assert "Jobs that run now: 1 of 1." in text
    assert states(app, scheduled) == [State.WAITING]
    assert written() == [(scheduled.id, "Run now.")]
    assert "It is not scheduled: it is waiting." in act(login_again(), "run_now", waiting)


def test_cancelling_is_asked_about_and_leaves_what_runs(app: Celery, push: Push, login: Login) -> None:
    running, waiting = push(State.RUNNING), push()
    browser = login("cancel_job")
    text = act(browser, "cancel", running, waiting)
    assert "Are you sure?" in text
    assert states(app, running, waiting) == [State.RUNNING, State.WAITING]
    text = act(browser, "cancel", running, waiting, post="yes")
    assert "Jobs cancelled: 1 of 2." in text
    assert states(app, running, waiting) == [State.RUNNING, State.CANCELLED]
    assert written() == [(waiting.id, "Cancelled.")]


def test_what_runs_is_ended_where_that_is_asked_for(app: Celery, push: Push, login: Login) -> None:
    running = push(State.RUNNING)
    worker = running.worker or ""
    browser = login("cancel_job")
    assert "Are you sure?" in act(browser, "terminate", running)
    assert app.broker().doomed(worker) == set()
    act(browser, "terminate", running, post="yes")
    assert [token.number for token in app.broker().doomed(worker)] == [running.number]
    assert written() == [(running.id, "Cancelled and ended.")]


def test_deleting_is_asked_about_and_leaves_what_has_not_ended(app: Celery, push: Push, login: Login) -> None:
    failed, waiting = push(State.FAILED), push()
    browser = login("delete_job")
    assert "Are you sure?" in act(browser, "delete", failed, waiting)
    assert app.broker().get(failed.id) is not None
    text = act(browser, "delete", failed, waiting, post="yes", address=JOBS)
    assert "Jobs deleted: 1 of 2." in text
    assert app.broker().get(failed.id) is None
    assert app.broker().get(waiting.id) is not None
    assert written() == [(failed.id, "Deleted.")]
    assert LogEntry.objects.get().is_deletion()


@pytest.mark.parametrize(
    ("action", "permission"),
    [
        ("retry", "retry_job"),
        ("run_now", "run_job"),
        ("cancel", "cancel_job"),
        ("terminate", "cancel_job"),
        ("delete", "delete_job"),
    ],
)
def test_each_action_needs_its_own_permission(app: Celery, push: Push, login: Login, action: str, permission: str) -> None:
    jobs = [push(State.FAILED), push(State.SCHEDULED), push(State.RUNNING)]
    others = {"retry_job", "run_job", "cancel_job", "delete_job", "reveal_job"} - {permission}
    browser = login(*others)
    for address in (JOBS, at(jobs[0])):
        assert f'value="{action}"' not in page(browser, address)
        act(browser, action, *jobs, address=address, post="yes")
    assert states(app, *jobs) == [State.FAILED, State.SCHEDULED, State.RUNNING]
    assert app.broker().doomed(jobs[2].worker or "") == set()
    assert written() == []


def test_who_may_only_look_sees_no_actions_and_who_may_not_sees_nothing(push: Push, login: Login) -> None:
    job = push()
    looker = login()
    assert 'name="action"' not in page(looker) + page(looker, at(job))
    User.objects.all().delete()
    stranger = login("retry_job", views=False)
    for address in (JOBS, at(job), WORKERS, QUEUES):
        page(stranger, address, status=403)
    assert page(Client(), at(job), status=302) == ""


def test_an_action_changes_a_bounded_number_of_jobs(
    app: Celery, push: Push, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST", 2)
    jobs = [push() for _ in range(3)]
    act(login("cancel_job"), "cancel", *jobs, post="yes")
    assert states(app, *jobs).count(State.CANCELLED) == 2


def test_many_refusals_are_summed_up(push: Push, login: Login) -> None:
    jobs = [push() for _ in range(job_actions.REASONS + 3)]
    text = act(login("retry_job"), "retry", *jobs)
    assert text.count("It has not ended") == job_actions.REASONS
    assert "... and 3 more." in text


def test_a_page_leads_to_its_history_once(push: Push, login: Login) -> None:
    job = push()
    assert page(login(), at(job)).count(f'href="{JOBS}{job.id}/history/"') == 1


def test_the_history_of_a_job_says_who_did_what(push: Push, login: Login) -> None:
    job = push(State.FAILED)
    browser = login("retry_job")
    act(browser, "retry", job)
    text = page(browser, f"{JOBS}{job.id}/history/")
    assert "gardener" in text
    assert "Run again." in text


# -- workers and queues --------------------------------------------------------------------------------------------------------


def test_the_workers_are_shown_with_what_they_run(app: Celery, push: Push, login: Login) -> None:
    a_worker(app.broker(), lease=-60.0)
    job = push(State.RUNNING, task="shop.pay")
    text = page(login(), WORKERS)
    assert text.count("fig@tree") == 1
    assert f'<li><a href="{at(job)}">shop.pay</a>' in text
    for shown in ("1 / 2", "prefork", "tree 4711", "default"):
        assert shown in text


def test_the_queues_are_shown_with_what_is_in_them(app: Celery, push: Push, login: Login) -> None:
    for state in (State.WAITING, State.WAITING, State.SCHEDULED):
        push(state, queue="alone")
    text = page(login(), QUEUES)
    names = re.findall(r'field-named">([^<]+)<', text)
    assert names == sorted({"alone", "celery", "default", "slow"})
    row = text.split('field-named">alone<')[1].split("</tr>")[0]
    assert re.findall(r'field-(waiting|running|scheduled|parked)">(\d+)<', row) == [
        ("waiting", "2"), ("running", "0"), ("scheduled", "1"), ("parked", "0"),
    ]  # fmt: skip
    assert "no worker" in row
    assert re.search(r'field-oldest">\d', row)


def test_queues_are_paused_resumed_and_purged(app: Celery, push: Push, login: Login) -> None:
    job = push(queue="slow")
    browser = login("pause_queue", "purge_queue")

    def do(action: str, **more: str) -> str:
        return browser.post(QUEUES, {"action": action, "_selected_action": ["slow"], **more}, follow=True).content.decode()

    assert "Queues paused: 1 of 1." in do("pause")
    assert app.broker().claim(["slow"], 1, a_child(app.broker())) == []
    assert ">paused<" in page(browser, QUEUES)
    assert "Queues resumed: 1 of 1." in do("resume")
    assert "Are you sure?" in do("purge")
    assert states(app, job) == [State.WAITING]
    assert "Jobs cancelled: 1." in do("purge", post="yes")
    assert states(app, job) == [State.CANCELLED]
    assert written() == [
        ("slow", "Paused."),
        ("slow", "Resumed."),
        ("slow", "Purged: what waited or was scheduled is cancelled."),
    ]


@pytest.mark.parametrize(("action", "permission"), [("pause", "pause_queue"), ("purge", "purge_queue")])
def test_a_queue_is_changed_by_who_may(app: Celery, push: Push, login: Login, action: str, permission: str) -> None:
    job = push(queue="slow")
    browser = login(*({"pause_queue", "purge_queue"} - {permission}))
    browser.post(QUEUES, {"action": action, "_selected_action": ["slow"], "post": "yes"})
    assert states(app, job) == [State.WAITING]
    assert not any(queue.paused for queue in app.broker().snapshot().queues)
    assert written() == []


# -- pages as such -------------------------------------------------------------------------------------------------------------


def test_no_page_needs_scripts_or_styles_within_it(push: Push, login: Login) -> None:
    failure = Failure(type="KeyError", module="builtins", message="x", traceback="x")
    job = push(State.FAILED, outcome={"failure": failure, "log": "x"})
    browser = login("cancel_job", "pause_queue", "reveal_job")
    pages = [page(browser, address) for address in (JOBS, at(job), WORKERS, QUEUES)]
    for text in [*pages, act(browser, "cancel", job)]:
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)\s*=", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        assert "<style" not in text


def test_pages_speak_chinese(push: Push, login: Login) -> None:
    push()
    with override_settings(LANGUAGE_CODE="zh-hans"), translation.override("zh-hans"):
        text = page(login(), JOBS)
    assert "等待" in text


def test_a_broker_that_does_not_answer_is_told_of(
    app: Celery, push: Push, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celeriac.engine.errors import BrokerUnavailable

    job = push()
    browser = login("retry_job")

    def broken() -> Any:
        raise BrokerUnavailable("The server at tree:6379 does not answer.")

    monkeypatch.setattr(app, "broker", broken)
    for address in (JOBS, at(job), WORKERS, QUEUES):
        answer = browser.get(address, follow=True)
        assert answer.status_code == 200
        assert "The server at tree:6379 does not answer." in answer.content.decode()
