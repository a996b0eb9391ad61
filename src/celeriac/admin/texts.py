"""How times, spans and states are written on the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from celeriac.engine.job import State
from celeriac.models import Job

WAYS = {State.RUNNING: "running", State.SUCCEEDED: "good", State.FAILED: "bad", State.PARKED: "bad"}
"""The colour of a state, where it has one of its own."""


def moment(seconds: float | None) -> str | None:
    """Return a time in the time zone of the moment, as the language writes it, with its seconds."""
    if seconds is None:
        return None
    time = datetime.fromtimestamp(seconds, UTC)
    local = timezone.localtime(time) if settings.USE_TZ else timezone.make_naive(time, timezone.get_default_timezone())
    return f"{formats.date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"


def shown_state(state: State, also: Any = "") -> SafeString:
    """Return a state as a coloured word."""
    return badge(Job.State(state.value).label, WAYS.get(state, "other"), also)


def badge(text: Any, way: str, also: Any = "") -> SafeString:
    """Return a coloured word. The colour says nothing that the word does not."""
    return format_html('<span class="celeriac-badge celeriac-{}">{}</span> {}', way, text, also)
