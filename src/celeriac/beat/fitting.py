"""Whether the arguments of a periodic task fit the signature of what it runs, as the caller of a task is told."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from celeriac.arguments import ArgumentCheck, Misfit

if TYPE_CHECKING:
    from celeriac.app import Celery

REMEMBERED = 4096
"""Answers that a ticker keeps: one for each task, number of arguments and names."""


def check_arguments(task: Any, args: Any, kwargs: Any) -> None:
    """Raise ``Misfit`` where a task could not be called so, and wants its calls to be checked."""
    wanted = task.app.strict_typing if task.typing is None else task.typing
    if wanted:
        (task._check or ArgumentCheck(task.name, task.run))(args, kwargs)


class Fitting:
    """The same for many ticks of one app: of the arguments only their number and their names count, so most are known."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._misfit = lru_cache(REMEMBERED)(self._found)

    def check(self, task: str, args: Any, kwargs: Any) -> None:
        """Raise ``Misfit`` where a registered task could not be called so."""
        text = self._misfit(task, len(args), tuple(kwargs))
        if text:
            raise Misfit(text)

    def _found(self, name: str, count: int, names: tuple[str, ...]) -> str:
        try:
            check_arguments(self._app.tasks[name], (None,) * count, dict.fromkeys(names))
        except Misfit as error:
            return str(error)
        return ""
