"""The form of a periodic task in a real browser, with a real site and a real worker behind it, under a strict policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State
from celeriac.models import PeriodicTask
from tests.conformance.conftest import database
from tests.process.conftest import project
from tests.process.smallsite import ALIAS, OPTIONS, Project
from tests.web.adminsite import LOGIN, give_admin, open_site
from tests.web.conftest import keep_picture

__all__ = ["project"]
pytestmark = pytest.mark.process

PATIENCE = 30.0
FROM_CODE = """
from celeriac.schedules import crontab

CELERY_BEAT_SCHEDULE = {
    "nightly": {"task": "shop.tasks.add", "schedule": crontab(hour=4, minute=30, tz="Europe/Berlin"), "args": (1, 2)},
}
"""


class Page:
    """The window, and what one does in it."""

    def __init__(self, window: Chrome, admin: str) -> None:
        self.window = window
        self.admin = admin

    def open(self, address: str = "") -> None:
        self.window.get(f"{self.admin}{address}")

    def log_in(self) -> None:
        self.open()
        self.type("username", LOGIN[0])
        self.type("password", LOGIN[1])
        self.press("input[type=submit]")
        self.until(lambda: "user-tools" in self.window.page_source)

    def find(self, selector: str) -> Any:
        return self.window.find_element(By.CSS_SELECTOR, selector)

    def type(self, name: str, text: str) -> None:
        field = self.find(f"[name={name}]")
        field.clear()
        field.send_keys(text)

    def choose(self, name: str, value: str) -> None:
        Select(self.find(f"select[name={name}]")).select_by_value(value)

    def press(self, selector: str) -> None:
        """Click, and wait until the page is another one."""
        before = self.find("html")
        self.find(selector).click()
        self.until(lambda: self.find("html") != before)

    def says(self, selector: str) -> str:
        return str(self.find(selector).text)

    def is_shown(self, name: str) -> bool:
        return bool(self.find(f"[name={name}]").is_displayed())

    def times(self) -> list[str]:
        """Return the next times that are shown."""
        return [str(item.text) for item in self.window.find_elements(By.CSS_SELECTOR, ".celeriac-preview li")]

    def is_below(self, text: str, field: str) -> bool:
        """Return whether a text begins where an input does, and not where the input's label does."""
        begins = "const text = new Range(); text.selectNodeContents(arguments[0]); return text.getBoundingClientRect().left"
        return bool(self.window.execute_script(begins, self.find(text)) == self.find(f"[name={field}]").rect["x"])

    def keep_picture(self, name: str, file: str) -> None:
        """Keep what is shown from an input on."""
        self.window.execute_script("arguments[0].scrollIntoView()", self.find(f".field-{name}"))
        keep_picture(self.window, file)

    def until(self, condition: Callable[[], object]) -> None:
        """Look until something is so; what is not there yet, or no more, is not so."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"It did not become so within {PATIENCE:g} s:\n{self.find('body').text[:4000]}")


@pytest.fixture
def page(project: Project, browser_window: Chrome, django_db_blocker: Any) -> Iterator[Page]:
    engine = "django.db.backends.sqlite3"
    with django_db_blocker.unblock(), database(ALIAS, ENGINE=engine, NAME=project.path, OPTIONS=OPTIONS):
        project.configure(FROM_CODE)
        give_admin(project)
        project.configure('MIDDLEWARE.insert(2, "django.middleware.locale.LocaleMiddleware")')
        browser_window.set_window_size(1500, 900)
        up, admin = open_site(project)
        yield Page(browser_window, admin)
        browser_window.get("about:blank")
        assert up.stop() == 0, up.printed()


def jobs() -> list[Job]:
    return SQLBroker(ALIAS).find({}, 1000)


def row() -> PeriodicTask:
    return PeriodicTask.objects.using(ALIAS).get(origin="admin")


def test_an_entry_is_made_runs_becomes_a_crontab_is_paused_and_run_by_hand(page: Page) -> None:
    page.log_in()

    page.open("celeriac/periodictask/add/")
    page.until(lambda: page.is_shown("interval_every_0") and not page.is_shown("crontab_minute"))
    page.type("name", "sums")
    page.type("task", "shop.tasks.ad")
    page.until(lambda: "Did you mean 'shop.tasks.add'?" in page.says(".field-task"))
    page.type("task", "shop.tasks.add")
    page.until(lambda: "the argument 'a' is missing" in page.says(".field-args"))
    page.type("args", "[1, 2]")
    page.type("interval_every_0", "3")
    page.until(lambda: page.says(".celeriac-preview strong") == "every 3 seconds")
    page.until(lambda: not page.window.find_elements(By.CSS_SELECTOR, ".celeriac-error"))
    assert len(page.times()) == 5
    assert page.says(".celeriac-signature") == "shop.tasks.add(a, b)"
    page.keep_picture("task", "schedules-form.png")
    page.press("[name=_continue]")

    page.until(lambda: any(job.state is State.SUCCEEDED for job in jobs()))
    page.window.refresh()
    page.until(lambda: "succeeded" in page.says(".celeriac-runs"))
    assert row().fields == {"every": 3}

    page.choose("kind", "crontab")
    page.until(lambda: page.is_shown("crontab_minute") and not page.is_shown("interval_every_0"))
    page.type("crontab_minute", "*")
    page.type("crontab_hour", "4")
    page.until(lambda: "write minute=0" in page.says("[data-of=hint]"))
    page.keep_picture("kind", "schedules-hint.png")
    page.type("crontab_minute", "30")
    page.type("time_zone", "Europe/Berlin")
    page.until(lambda: page.says(".celeriac-preview strong") == "at 04:30, every day")
    assert page.says("[data-of=zone]") == "Europe/Berlin"
    page.press("[name=_continue]")
    assert (row().kind, row().fields["hour"], row().time_zone) == ("crontab", "4", "Europe/Berlin")
    page.until(lambda: row().next_run is not None)

    page.press("form[action$='/do/pause/'] button")
    assert not row().enabled
    page.until(lambda: "Resume" in page.window.page_source)

    fired = row().total_run_count
    page.press("form[action$='/do/run/'] button")
    page.until(lambda: len(jobs()) == fired + 1 and all(job.state is State.SUCCEEDED for job in jobs()))
    assert {job.schedule for job in jobs()} == {"sums"}
    assert row().total_run_count == fired, "a run by hand is no tick"
    page.open("celeriac/periodictask/")
    assert "off" in page.says("#result_list")
    keep_picture(page.window, "schedules-list.png")


def test_a_saved_interval_goes_on_and_a_refused_change_says_in_chinese_what_it_would_be(page: Page) -> None:
    daily = PeriodicTask.objects.using(ALIAS).create(
        name="daily", kind="interval", fields={"every": 86400}, task="shop.tasks.add", args=[1, 2], time_zone="UTC",
        next_run=datetime(2100, 1, 1, 0, 34, 5, tzinfo=UTC),
    )  # fmt: skip
    page.log_in()
    page.window.add_cookie({"name": "django_language", "value": "zh-hans"})

    page.open(f"celeriac/periodictask/{daily.pk}/change/")
    page.until(lambda: page.says(".celeriac-signature") == "shop.tasks.add(a, b)")
    assert [time[-19:] for time in page.times()] == [f"2100-01-0{day} 00:34:05" for day in range(1, 6)]
    assert page.says(".celeriac-preview strong") == "每 24 小时"
    assert page.is_below(".celeriac-signature", "task")

    page.choose("kind", "cron")
    page.type("cron_line", "0 0 31 2 *")
    page.type("args", "[1]")
    page.press("[name=_continue]")
    page.until(lambda: page.says(".celeriac-signature") == "shop.tasks.add(a, b)")
    assert (page.says(".celeriac-preview strong"), page.times()) == ("", [])
    assert "缺少参数 'b'。" in page.says(".field-args .errorlist"), "what was refused stays until one types"

    page.type("cron_line", "0 0 28 2 *")
    page.until(lambda: len(page.times()) == 5)
    page.until(lambda: "缺少参数 'b'。" in page.says(".field-args .celeriac-error"))
    assert page.is_below(".field-args .celeriac-error", "args")
    page.type("args", "[1, 2]")
    page.press("[name=_continue]")
    daily.refresh_from_db()
    assert daily.fields == {"line": "0 0 28 2 *"}
    page.open(f"celeriac/periodictask/{daily.pk}/history/")
    assert "已修改日程的种类和行。" in page.says("#change-history").replace(" ", "")
