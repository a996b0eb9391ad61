"""What the admin shows of a periodic task beside its columns: its state, its schedule in words, its times, its last jobs."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac.beat.handling import recent_jobs
from celeriac.beat.preview import UNREADABLE, Preview, preview_of, schedule_of, words_of
from celeriac.current import current_app
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job
from celeriac.models import Job as JobRecord
from celeriac.models import PeriodicTask

NOTHING = "-"
PREVIEW = """<div class="celeriac-preview" role="status" data-url="{}">
<strong data-of="words">{}</strong> <span data-of="zone">{}</span><ol data-of="times">{times}</ol>
<p data-of="hint">{}</p></div>"""


class Condition(NamedTuple):
    """How an entry is: the name that colours have, and the word for people."""

    name: str
    word: str


def condition_of(row: PeriodicTask) -> Condition:
    """Return whether an entry runs, or why not."""
    if row.retired:
        return Condition("retired", _("retired"))
    if row.problem:
        return Condition("broken", _("broken"))
    return Condition("on", _("on")) if row.enabled else Condition("off", _("off"))


def moment(value: datetime, zone: tzinfo) -> str:
    """Return a time by the clocks of a zone, to the second."""
    return date_format(value.astimezone(zone), "D Y-m-d H:i:s")


def zone_of_row(row: PeriodicTask) -> tzinfo:
    """Return the zone that an entry's times are shown in; the project's where its own cannot be read."""
    try:
        return schedule_of(current_app(), row).tz
    except UNREADABLE:
        return current_app().timezone


def preview_data(preview: Preview) -> dict[str, Any]:
    """Return a preview as the page's script shows it."""
    zone = preview.times[0].tzinfo if preview.times else None
    times = [moment(time, zone) for time in preview.times] if zone is not None else []
    return {"words": preview.words, "zone": preview.zone, "times": times, "hint": preview.hint}


class PeriodicTaskColumns:
    """Columns of the list, and read-only fields of the form."""

    @admin.display(description=gettext_lazy("state"), ordering="enabled")
    def state(self, row: PeriodicTask) -> SafeString:
        """Show whether it runs."""
        condition = condition_of(row)
        return format_html(
            '<span class="celeriac-state celeriac-{}" title="{}">{}</span>', condition.name, row.problem, condition.word
        )

    @admin.display(description=gettext_lazy("when"))
    def when(self, row: PeriodicTask) -> str:
        """Show the schedule in words, or why it cannot be read."""
        try:
            return words_of(current_app(), row)
        except UNREADABLE as error:
            return row.problem or str(error)

    @admin.display(description=gettext_lazy("next run"), ordering="next_run")
    def next_time(self, row: PeriodicTask) -> str:
        """Show its next time in its own zone."""
        if not row.enabled:
            return NOTHING
        return _("in a moment") if row.next_run is None else moment(row.next_run, zone_of_row(row))

    @admin.display(description=gettext_lazy("last run"), ordering="last_run")
    def last_time(self, row: PeriodicTask) -> str:
        """Show its last time in its own zone."""
        return NOTHING if row.last_run is None else moment(row.last_run, zone_of_row(row))

    @admin.display(description=gettext_lazy("from"), ordering="origin")
    def source(self, row: PeriodicTask) -> str:
        """Show where it was made, and whether it was changed since."""
        place = str(row.get_origin_display())
        return _("{place}, changed").format(place=place) if row.overrides else place

    @admin.display(description=gettext_lazy("what is wrong"))
    def problem_text(self, row: PeriodicTask) -> str:
        """Show why it was stopped."""
        return row.problem or NOTHING

    @admin.display(description=gettext_lazy("changed here"))
    def changes(self, row: PeriodicTask) -> str | SafeString:
        """Show what differs from the code, and what the code says."""
        declared = row.declaration or {}
        pairs = [(column, str(value), str(declared[column])) for column, value in row.overrides.items()]
        line = "<li>" + str(_("{column}: {now} (in the code: {declared})")) + "</li>"
        lines = format_html_join("", line.replace("{column}", "{}").replace("{now}", "{}").replace("{declared}", "{}"), pairs)
        return format_html("<ul>{}</ul>", lines) if pairs else NOTHING

    @admin.display(description=gettext_lazy("last runs"))
    def last_runs(self, row: PeriodicTask) -> str | SafeString:
        """Show its last jobs, with links to them."""
        try:
            jobs = recent_jobs(current_app(), row)
        except BrokerUnavailable as error:
            return str(error)
        zone = zone_of_row(row)
        lines = format_html_join("", "<li>{} {} {}</li>", ((_time_of(job, zone), _link(job), _state_of(job)) for job in jobs))
        return format_html('<ul class="celeriac-runs">{}</ul>', lines) if jobs else NOTHING

    @admin.display(description=gettext_lazy("that means"))
    def outlook(self, row: PeriodicTask) -> SafeString:
        """Show when it runs, or would as it was typed; the page's script keeps it up to date while one types."""
        shown = getattr(row, "typed", row)
        try:
            data = preview_data(preview_of(current_app(), shown)) if shown is not None and shown.kind else {}
        except UNREADABLE as error:
            data = {"hint": str(error)}
        times = format_html_join("", "<li>{}</li>", ((time,) for time in data.get("times", ())))
        said = [data.get(name, "") for name in ("words", "zone", "hint")]
        address = reverse("admin:celeriac_periodictask_preview")
        if row.pk is not None:
            address += f"?row={row.pk}"
        return format_html(PREVIEW, address, *said, times=times)


def _time_of(job: Job, zone: tzinfo) -> str:
    seconds = job.nominal if job.nominal is not None else job.created
    return NOTHING if seconds is None else moment(datetime.fromtimestamp(seconds, zone), zone)


def _state_of(job: Job) -> str:
    return str(JobRecord.State(job.state.value).label)


def _link(job: Job) -> str | SafeString:
    """Return a link to the job's own page, where there is one."""
    try:
        return format_html('<a href="{}">{}</a>', reverse("admin:celeriac_job_change", args=[job.id]), job.id)
    except NoReverseMatch:
        return job.id
