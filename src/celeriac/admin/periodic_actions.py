"""What can be done with periodic tasks beside editing them; each deed is in the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac.beat.handling import back_to_declaration, pause, resume, run_now
from celeriac.current import current_app
from celeriac.engine.errors import CeleriacError
from celeriac.models import PeriodicTask

if TYPE_CHECKING:
    from django.db.models import QuerySet

    _Admin = admin.ModelAdmin[PeriodicTask]
else:
    _Admin = admin.ModelAdmin

MOST = 1000
"""Entries of which one request runs the jobs."""

Deed = Callable[[PeriodicTask], str]
"""Does something with an entry and returns what the log says of it, empty where there was nothing to do.

Raises ``CeleriacError``.
"""


def _run(row: PeriodicTask) -> str:
    return _("Run now: job {id}.").format(id=run_now(current_app(), row).id)


def _pause(row: PeriodicTask) -> str:
    return _("Paused.") if pause(row) else ""


def _resume(row: PeriodicTask) -> str:
    return _("Resumed.") if resume(current_app(), row) else ""


def _restore(row: PeriodicTask) -> str:
    columns = ", ".join(back_to_declaration(row))
    return _("Back to the declaration: {columns}.").format(columns=columns) if columns else ""


class PeriodicTaskActions(_Admin):
    """The actions, for one entry by a button and for many in the list."""

    actions = ("run_selected", "pause_selected", "resume_selected", "restore_selected")
    deeds: dict[str, tuple[str, Deed]] = {  # noqa: RUF012 - nobody changes it
        "run": ("run", _run), "pause": ("change", _pause), "resume": ("change", _resume), "restore": ("change", _restore),
    }  # fmt: skip
    """The permission that each wants, and what it does."""

    def has_run_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        """Return whether somebody may enqueue the job of an entry."""
        allowed: bool = request.user.has_perm("celeriac.run_periodictask")
        return allowed

    @admin.action(description=gettext_lazy("Run selected periodic tasks now"), permissions=["run"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Enqueue a job of each."""
        self.do_all(request, _run, queryset)

    @admin.action(description=gettext_lazy("Pause selected periodic tasks"), permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Let none of them run until resumed."""
        self.do_all(request, _pause, queryset)

    @admin.action(description=gettext_lazy("Resume selected periodic tasks"), permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Let each run again."""
        self.do_all(request, _resume, queryset)

    @admin.action(
        description=gettext_lazy("Put selected periodic tasks back to what the code declares"), permissions=["change"]
    )
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Forget what was changed of each."""
        self.do_all(request, _restore, queryset)

    def do_all(self, request: HttpRequest, deed: Deed, rows: QuerySet[PeriodicTask]) -> None:
        """Do something with each of up to ``MOST`` entries, and say with how many."""
        chosen = list(rows[: MOST + 1])
        if len(chosen) > MOST:
            self.message_user(request, _("Choose {most} at most.").format(most=MOST), messages.ERROR)
            return
        done = sum(self.do(request, deed, row) for row in chosen)
        text = _("Done with {count} of {chosen} chosen.").format(count=done, chosen=len(chosen))
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)

    def do(self, request: HttpRequest, deed: Deed, row: PeriodicTask) -> bool:
        """Do something with an entry and log it; say why where it cannot be done. Returns whether anything was."""
        try:
            said = deed(row)
        except CeleriacError as error:
            self.message_user(request, f"{row.name}: {error}", messages.ERROR)
            return False
        if said:
            self.log_change(request, row, said)
        return bool(said)

    def permitted(self, request: HttpRequest, name: str, row: Any) -> bool:
        """Return whether somebody may do one of ``deeds`` with an entry."""
        check = {"run": self.has_run_permission, "change": self.has_change_permission}[self.deeds[name][0]]
        return check(request, row)
