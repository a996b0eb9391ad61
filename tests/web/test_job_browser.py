"""The list of jobs and the page of one in a real browser, under a strict Content-Security-Policy, also dark and on a phone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from celeriac import Celery
from celeriac.current import current_app_is
from celeriac.engine.codec import encode_failure, encode_payload, encode_result
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome, claim_one, known
from tests.web.adminsite import POLICY
from tests.web.conftest import keep_picture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

PATIENCE = 30.0
TRACEBACK = """Traceback (most recent call last):
  File "shop/tasks.py", line 31, in pay
    receipt = bank.charge(order.total, card)
  File "shop/bank.py", line 88, in charge
    raise Declined(answer.reason)
shop.bank.Declined: the bank does not answer"""


def strict(get_response: Any) -> Any:
    """Send the policy with every page, as a careful site does."""

    def answer(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("shop", broker="django://default", set_as_current=False)
    app.conf.update(task_queues=["default", "mail"])

    @app.task(name="shop.pay")
    def pay(order: int, card: str, note: str = "") -> None: ...

    for name in ("shop.tasks.count_stock", "mail.tasks.send_newsletter"):
        app.task(name=name)(lambda *args, **kwargs: None)
    with current_app_is(app):
        yield app
    app.close()


@pytest.fixture
def jobs(app: Celery) -> dict[str, Job]:
    """Return jobs as a day brings them, by what they are there for."""
    broker, child = app.broker(), a_child(app.broker())
    failure = Failure(type="Declined", module="shop.bank", message="the bank does not answer", traceback=TRACEBACK)

    def ended(state: State, job: Job, **outcome: Any) -> Job:
        broker.push([job])
        taken = claim_one(broker, child, job.queue)
        broker.settle([an_outcome(taken, state, worker="fig@tree", **outcome)])
        return known(broker, job.id)

    for number in range(6):
        ended(State.SUCCEEDED, a_job(task="shop.tasks.count_stock"), result=encode_result({"plums": number}))
    root = ended(State.SUCCEEDED, a_job(task="mail.tasks.send_newsletter", queue="mail"))
    payload = encode_payload("shop.pay", [71, "4711-0815-4242-0000"], {"note": "Küche"}, {"time_limit": 60})
    failed = ended(
        State.FAILED, a_job(task="shop.pay", payload=payload, parent=root.id, root=root.id, priority=5), failure=failure,
        result=encode_failure(failure), log="order 71: 42.00 EUR\nasking the bank", progress={"done": 1, "total": 3},
    )  # fmt: skip
    parked = ended(State.PARKED, a_job(task="shop.tasks.renamed"))
    broker.push([a_job(task="shop.tasks.count_stock") for _ in range(2)])
    running = claim_one(broker, child)
    scheduled = a_job(task="mail.tasks.send_newsletter", queue="mail", state=State.SCHEDULED, run_at=time.time() + 3_600)
    broker.push([scheduled])
    return {"failed": failed, "parked": parked, "running": running, "scheduled": scheduled, "root": root}


class Window:
    """The browser at the site, with somebody logged in."""

    def __init__(self, window: Chrome, site: str) -> None:
        self.window, self.site = window, site
        client = Client()
        client.force_login(User.objects.create(username="gardener", is_staff=True, is_superuser=True))
        window.get(f"{site}/admin/login/")
        window.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})

    def open(self, address: str) -> None:
        self.window.get(f"{self.site}{address}")

    def all(self, selector: str) -> list[Any]:
        return list(self.window.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.window.find_element(By.CSS_SELECTOR, selector)

    def text(self) -> str:
        return str(self.one("body").text)

    def until(self, condition: Callable[[], object]) -> None:
        """Look until something is so; what is not there yet, or no more, is not so."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(NoSuchElementException, StaleElementReferenceException):
                if condition():
                    return
            time.sleep(0.05)
        raise AssertionError(self.text()[:4000])

    def is_wider_than_it_shows(self) -> bool:
        return bool(self.window.execute_script("return document.documentElement.scrollWidth > window.innerWidth + 1"))


@pytest.fixture
def window(settings: Any, live_server: LiveServer, browser_window: Chrome, app: Celery) -> Iterator[Window]:
    settings.MIDDLEWARE = [f"{__name__}.strict", *settings.MIDDLEWARE]
    yield Window(browser_window, live_server.url)
    browser_window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser_window.set_window_size(1200, 1000)
    browser_window.get("about:blank")


def test_jobs_are_looked_through_and_the_failed_one_is_run_again(window: Window, jobs: dict[str, Job]) -> None:
    window.open("/admin/celeriac/job/")
    assert [badge.text for badge in window.all("#result_list .celeriac-badge")] == [
        "scheduled", "waiting", "running", "parked", "failed", *["succeeded"] * 7,
    ]  # fmt: skip
    window.window.set_window_size(1500, 900)
    keep_picture(window.window, "admin-jobs.png")
    window.window.set_window_size(1200, 1000)
    window.one("#changelist-filter a[href*='state=failed']").click()
    window.until(lambda: len(window.all("#result_list tbody tr")) == 1)
    window.one("#action-toggle").click()
    window.until(lambda: "1 of 1 selected" in window.text())  # Django's script runs under the policy
    Select(window.one("select[name=action]")).select_by_value("retry")
    window.one("button[name=index]").click()
    window.until(lambda: "Jobs run again: 1 of 1." in window.text())
    window.one("#result_list .field-job a").click()
    window.until(lambda: "Was retried as" in window.text())


def test_the_page_of_a_job_shows_and_hides(window: Window, jobs: dict[str, Job]) -> None:
    window.open(f"/admin/celeriac/job/{jobs['failed'].id}/change/")
    text = window.text()
    for shown in ("shop.bank.Declined: the bank does not answer", "asking the bank", "Küche", "********", jobs["root"].id):
        assert shown in text
    assert "4711-0815" not in text
    keep_picture(window.window, "admin-job.png")
    window.one("button[name=reveal]").click()
    window.until(lambda: "4711-0815-4242-0000" in window.text())
    window.one("button[value=delete]").click()
    window.until(lambda: "Are you sure?" in window.text())
    window.one("input[type=submit]").click()
    window.until(lambda: "Jobs deleted: 1 of 1." in window.text())
    assert len(window.all("#result_list tbody tr")) == 11


@pytest.mark.parametrize("address", ["", "{failed}/change/"])
def test_pages_are_readable_in_the_dark_and_on_a_phone(window: Window, jobs: dict[str, Job], address: str) -> None:
    scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    window.window.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    window.window.set_window_size(400, 800)
    window.open("/admin/celeriac/job/" + address.format(failed=jobs["failed"].id))
    assert not window.is_wider_than_it_shows()
    for badge in window.all(".celeriac-badge"):
        assert contrast(badge.value_of_css_property("color"), badge.value_of_css_property("background-color")) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as the Web Content Accessibility Guidelines count it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
