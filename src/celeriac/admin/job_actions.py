"""What is done to jobs that were chosen from a list, or to the one on a page; who did it is in Django's admin log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.admin import action
from django.contrib.admin.models import CHANGE, DELETION
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac import jobs as public
from celeriac.engine.job import LIVE, TERMINAL, Job, State

if TYPE_CHECKING:
    from celeriac.admin.jobs import JobAdmin
    from celeriac.admin.store import Selected

REASONS = 5
"""Refusals that are told one by one."""

Do = Callable[[list[Job]], public.Changed]


def _carry_out(
    admin: JobAdmin, request: HttpRequest, jobs: list[Job], do: Do, texts: tuple[str, str], flag: int = CHANGE
) -> None:
    """Do it, write it down and say what became of it. ``texts``: for the person, and for the log."""
    changed = do(jobs)
    done = [admin.row(job) for job in jobs if job.id in changed.done]
    for row in done:
        new = changed.done[str(row.pk)]
        admin.write_down(request, [row], flag, texts[1] if new == row.pk else f"{texts[1]} {new}")
    if done:
        messages.success(request, texts[0].format(n=len(done), all=len(jobs)))
    for id, reason in list(changed.refused.items())[:REASONS]:
        messages.warning(request, f"{id}: {reason}")
    if len(changed.refused) > REASONS:
        messages.warning(request, _("... and {n} more.").format(n=len(changed.refused) - REASONS))


def _carry_out_once_agreed(
    admin: JobAdmin, request: HttpRequest, jobs: list[Job], do: Do, texts: tuple[str, str, str], name: str, flag: int = CHANGE
) -> TemplateResponse | None:
    """Return the page that asks whether the action ``name`` is meant, or do it where that was answered.

    ``texts``: the question, what was done to how many, what is written into the log.
    """
    asked = admin.ask(request, name, texts[0], [admin.row(job) for job in jobs])
    if asked is None:
        _carry_out(admin, request, jobs, do, texts[1:], flag)
    return asked


@action(description=gettext_lazy("Run again"), permissions=["retry"])
def retry(admin: JobAdmin, request: HttpRequest, chosen: Selected) -> None:
    """Run ended jobs again, and let parked ones wait again."""
    texts = (_("Jobs run again: {n} of {all}."), _("Run again."))
    _carry_out(admin, request, admin.chosen(chosen), lambda jobs: public.retry(admin.app, jobs), texts)


@action(description=gettext_lazy("Run now"), permissions=["run"])
def run_now(admin: JobAdmin, request: HttpRequest, chosen: Selected) -> None:
    """Let scheduled jobs wait."""
    texts = (_("Jobs that run now: {n} of {all}."), _("Run now."))
    _carry_out(admin, request, admin.chosen(chosen), lambda jobs: public.run_now(admin.app, jobs), texts)


@action(description=gettext_lazy("Cancel"), permissions=["cancel"])
def cancel(admin: JobAdmin, request: HttpRequest, chosen: Selected) -> TemplateResponse | None:
    """Cancel jobs that do not run yet, once that is confirmed."""
    question = _("These jobs are to be cancelled; one that runs, runs on:")
    texts = (question, _("Jobs cancelled: {n} of {all}."), _("Cancelled."))
    return _carry_out_once_agreed(
        admin, request, admin.chosen(chosen), lambda jobs: public.cancel(admin.app, jobs), texts, "cancel"
    )


@action(description=gettext_lazy("Cancel and end where it runs"), permissions=["cancel"])
def terminate(admin: JobAdmin, request: HttpRequest, chosen: Selected) -> TemplateResponse | None:
    """Cancel jobs and end those that run, once that is confirmed."""
    question = _("These jobs are to be cancelled; one that runs is ended where it is:")
    texts = (question, _("Jobs cancelled: {n} of {all}."), _("Cancelled and ended."))
    return _carry_out_once_agreed(
        admin, request, admin.chosen(chosen), lambda jobs: public.cancel(admin.app, jobs, terminate=True), texts, "terminate"
    )


@action(description=gettext_lazy("Delete"), permissions=["delete"])
def delete(admin: JobAdmin, request: HttpRequest, chosen: Selected) -> HttpResponse:
    """Delete the records of ended jobs, once that is confirmed."""
    question = _("The records of these jobs are to be deleted, with their results and what they logged:")
    texts = (question, _("Jobs deleted: {n} of {all}."), _("Deleted."))
    asked = _carry_out_once_agreed(
        admin, request, admin.chosen(chosen), lambda jobs: public.delete(admin.app, jobs), texts, "delete", DELETION
    )
    return asked or admin.to_list()


ACTIONS = (retry, run_now, cancel, terminate, delete)
MEANT = {
    "retry": TERMINAL | {State.PARKED},
    "run_now": {State.SCHEDULED},
    "cancel": (LIVE - {State.RUNNING}) | {State.PARKED},
    "terminate": {State.RUNNING},
    "delete": TERMINAL | {State.PARKED},
}
"""The states of the jobs to which an action does something: what the page of one job offers."""
