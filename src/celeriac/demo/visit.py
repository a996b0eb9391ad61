"""One visit to the site, over HTTP: register, read, ask for the ranking, start the import, and watch the jobs."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from celeriac.demo.browser import Browser, Page

JOBS_MAY_TAKE = 60.0
POLL = 0.05
NEWEST = 3
_ARTICLE = re.compile(r'<h2><a href="(/articles/[^"]+)">')
_JOB = re.compile(r"/jobs/([^/]+)/$")


@dataclass
class Step:
    """Something the visitor did, and the job that came of it."""

    title: str
    happened: str = ""
    job: str = ""
    states: list[str] = field(default_factory=list)
    detail: str = ""
    trouble: str = ""
    done: int = 0
    total: int = 0
    began: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    finished: bool = False

    @property
    def succeeded(self) -> bool:
        """A step without a job succeeds by being done."""
        return self.finished and (not self.job or self.states[-1:] == ["SUCCESS"])

    def update(self, status: dict[str, Any]) -> None:
        """Take over what the job's page says."""
        if self.states[-1:] != [status["state"]]:
            self.states.append(status["state"])
        self.finished = status["finished"]
        self.done, self.total = status["done"], status["total"]
        self.trouble = status["error"]
        self.detail = status["result"] or self.trouble or status["message"]
        if self.finished:
            self.seconds = time.monotonic() - self.began


@dataclass
class Visit:
    """The whole visit. ``changed`` is called whenever there is something new to show."""

    browser: Browser
    changed: Callable[[], None] = lambda: None
    steps: list[Step] = field(default_factory=list)

    def run(self) -> None:
        """Do everything, then follow the jobs until all of them have ended or the time is up."""
        self.register()
        self.read_articles()
        self.start("Ask for the ranking", "/ranking/refresh/", on="/ranking/")
        self.start("Import articles", "/import/", on="/")
        self.follow()

    @property
    def succeeded(self) -> bool:
        """Whether every step did."""
        return bool(self.steps) and all(step.succeeded for step in self.steps)

    def register(self) -> None:
        """Open an account; the site answers before the e-mail is sent."""
        password = secrets.token_urlsafe(12)
        self.start(
            "Register",
            "/accounts/register/",
            on="/accounts/register/",
            username="flora",
            email="flora@garden.example",
            password1=password,
            password2=password,
        )

    def read_articles(self) -> None:
        """Open the newest articles, and the newest of all once more; the site writes down each read."""
        step = self._begin("Read articles")
        newest = _ARTICLE.findall(self.browser.get("/").text)[:NEWEST]
        pages = [self.browser.get(address) for address in [*newest, *newest[:1]]]
        step.seconds = time.monotonic() - step.began
        step.happened = f"showed {len(pages)} pages"
        step.finished = len(newest) == NEWEST
        self.changed()

    def start(self, title: str, path: str, on: str, **fields: str) -> None:
        """Send a form that starts a job, and note the job's id from the page that comes back."""
        step = self._begin(title)
        page = self.browser.submit(path, on, **fields)
        step.job = job_id(page)
        step.happened = f"answered in {page.seconds * 1000:.0f} ms"
        self._look_at(step)

    def follow(self) -> None:
        """Look at the pages of unfinished jobs, again and again."""
        deadline = time.monotonic() + JOBS_MAY_TAKE
        while (open_steps := [step for step in self.steps if step.job and not step.finished]) and time.monotonic() < deadline:
            for step in open_steps:
                self._look_at(step)
            time.sleep(POLL)

    def _begin(self, title: str) -> Step:
        self.steps.append(Step(title))
        self.changed()
        return self.steps[-1]

    def _look_at(self, step: Step) -> None:
        step.update(self.browser.get_json(f"/jobs/{step.job}/status.json"))
        self.changed()


def job_id(page: Page) -> str:
    """Return the id of the job whose page this is."""
    found = _JOB.search(page.url)
    if found is None:
        errors = " ".join(re.findall(r'class="error">([^<]+)', page.text))
        raise LookupError(f"The form led to {page.url} and not to a job. {errors}")
    return found[1]
