"""Attributes of a periodic task that are columns of its row, some of another name or in another form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from celeriac.compat.beat.schedules import Schedule
from celeriac.engine.translation import gettext as _

EMPTY: Mapping[str, Any] = {"args": [], "kwargs": {}, "headers": {}}
"""Columns that are JSON here, and its text in django-celery-beat."""
OTHERWISE: Mapping[str, str] = {
    "start_time": "start", "last_run_at": "last_run", "expires": "end", "expire_seconds": "options__expires",
    "routing_key": "queue",
}  # fmt: skip
"""Those that a row has by another name."""


def parsed(name: str, given: Any) -> Any:
    """Return what a text of JSON says; what is no text is taken as it is. Raises ``ValidationError``."""
    empty = EMPTY[name]
    try:
        found = json.loads(given or json.dumps(empty)) if isinstance(given, str | bytes) else given
    except ValueError as error:
        text = _("{name} is {given!r}, which is not JSON: {error}")
        raise ValidationError(text.format(name=name, given=given, error=error)) from error
    if not isinstance(found, type(empty)):
        text = _("{name} is {given!r}; expected JSON such as {example}")
        raise ValidationError(text.format(name=name, given=given, example='[1, "a"]' if empty == [] else '{"a": 1}'))
    return found


def same(value: Any) -> Any:
    """Return it."""
    return value


class Column:
    """A column of the row."""

    def __init__(self, name: str, read: Callable[[Any], Any] = same, write: Callable[[Any], Any] = same) -> None:
        self.name = name
        self.read = read
        self.write = write

    def __get__(self, task: Any, owner: type) -> Any:
        return self if task is None else self.read(getattr(task.row, self.name))

    def __set__(self, task: Any, value: Any) -> None:
        setattr(task.row, self.name, self.write(value))


class TextColumn(Column):
    """JSON, by its text."""

    def __init__(self, name: str) -> None:
        super().__init__(name, json.dumps, lambda value: parsed(name, value))


class TickersColumn(Column):
    """One that belongs to the ticker: the row's own ``save`` leaves it alone, so it is written apart where it was set."""

    def __set__(self, task: Any, value: Any) -> None:
        super().__set__(task, value)
        task.reset.add(self.name)


class ScheduleColumn:
    """The row's schedule, where it is of this kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get__(self, task: Any, owner: type) -> Any:
        return self if task is None else task.schedules.get(self.kind)

    def __set__(self, task: Any, value: Schedule | None) -> None:
        task.schedules.pop(self.kind, None)
        if value is not None:
            task.schedules[self.kind] = value
            value.given_to(task)
