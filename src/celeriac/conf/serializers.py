"""What a project may say about serializers: there is one here, JSON, under its name and under its MIME type."""

from __future__ import annotations

from typing import Any

from celeriac.engine.translation import gettext as _

SETTINGS = frozenset({"accept_content", "result_accept_content", "task_serializer", "result_serializer"})
"""Celery's names of the settings that name serializers."""

_JSON = frozenset({"json", "application/json"})
_PICKLE = frozenset({"pickle", "application/x-python-serialize"})


def says_json(value: Any) -> bool:
    """Return whether JSON is all that a setting names."""
    return _named(value) <= _JSON


def check_serializer(value: Any) -> None:
    """Raise ``ValueError`` with what is expected where a setting asks for pickle and for nothing that is here."""
    named = _named(value)
    if named & _PICKLE and not named & _JSON:
        raise ValueError(
            _(
                "'json'. Celeriac reads no pickle, which runs whatever its writer put in. JSON here knows dates, times,"
                " decimals and UUIDs besides; of a model, pass the primary key and load it in the task"
            )
        )


def _named(value: Any) -> frozenset[str]:
    listed = (value,) if isinstance(value, str) else value or ()
    return frozenset(str(name).lower() for name in listed)
