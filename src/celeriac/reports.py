"""What a running job says about itself while it runs: its progress, and states of its own."""

from __future__ import annotations

from typing import Any

from celeriac.engine.codec import tagged
from celeriac.engine.request import Request, running_request
from celeriac.engine.translation import gettext as _


def progress(done: float, total: float | None = None, message: str = "") -> None:
    """Say how far the job is that runs in this thread or coroutine: ``progress(3, 10, "third page")``.

    Any process reads it as ``AsyncResult(id).progress``. Outside a job it does nothing, so that a function may call it whoever
    calls the function. It is written soon, not at once: call it as often as you like, only the newest counts.
    """
    request = running_request()
    if request is not None:
        report(request, {"done": _number("done", done), "total": total and _number("total", total), "message": str(message)})


def update_state(request: Request | None, state: str | None, meta: Any) -> None:
    """Give the running job a state of its own, with whatever JSON says more about it."""
    if request is not None:
        report(request, {"state": state, "meta": tagged(meta, "update_state: meta")})


def report(request: Request, news: dict[str, Any]) -> None:
    """Keep ``news`` beside what was reported before, and pass all of it on."""
    request.progress = {**(request.progress or {}), **news}
    if request.reporter is not None and request.job is not None:
        request.reporter(request.job.token, request.progress)


def _number(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(_("progress: {name} is {value!r}; expected a number.").format(name=name, value=value))
    return value
