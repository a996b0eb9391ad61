"""``celeriac jobs``: list, show, retry, cancel and delete them, by id or by what they have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from celeriac.cli import exits
from celeriac.cli.asking import NotAsked, agreed, progress, yes_option
from celeriac.cli.durations import duration, moment, span
from celeriac.cli.jobview import job_json, show_job, whole_json
from celeriac.cli.numbers import positive
from celeriac.cli.opening import answering, complain, project_options, step_options
from celeriac.cli.tables import clean, note, say, show_json, show_table
from celeriac.engine.job import TERMINAL, Job, State
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.jobs import Changed, Selection

BATCH = 100
REASONS = 10
"""Refusals that are shown."""
COLUMNS = ("id", "state", "task", "queue", "enqueued", "took", "attempts")
MEANT = {
    "retry": (State.FAILED,),
    "cancel": (State.WAITING, State.SCHEDULED, State.BLOCKED, State.PARKED),
    "delete": tuple(sorted(TERMINAL)),
}
"""The states that are meant where no --state says which."""


def jobs_options(parser: argparse.ArgumentParser) -> None:
    """Add the steps and their options."""
    project_options(parser)
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    listing = steps.add_parser("list", help=_("list jobs, the newest first"))
    listing.add_argument("-n", "--limit", type=positive, default=50, metavar="N", help=_("at most so many (50)"))
    show = steps.add_parser("show", help=_("show one job: arguments, attempts, tracebacks, log, result"))
    show.add_argument("ids", nargs="+", metavar="ID")
    show.add_argument("--reveal", action="store_true", help=_("decrypt what is encrypted"))
    retry = steps.add_parser("retry", help=_("run ended jobs again, as new jobs; let parked ones wait again"))
    cancel = steps.add_parser("cancel", help=_("cancel jobs that have not ended"))
    cancel.add_argument("--terminate", action="store_true", help=_("also those that run: their bodies are ended"))
    delete = steps.add_parser("delete", help=_("delete the records of jobs that have ended"))
    for step in (retry, cancel, delete):
        step.add_argument("ids", nargs="*", metavar="ID")
        step.add_argument("--limit", type=positive, metavar="N", help=_("at most so many, the newest"))
        yes_option(step)
    for step in (listing, retry, cancel, delete):
        _filters(step)
    for step in (listing, show, retry, cancel, delete):
        step_options(step)


def _filters(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--state", action="append", choices=[state.value for state in State], help=_("in this state (may be repeated)"))
    add("--task", metavar="NAME", help=_("of this task"))
    add("--queue", metavar="NAME", help=_("of this queue"))
    add("--older-than", type=duration, metavar="SPAN", help=_("enqueued longer ago: 90s, 15m, 2h, 7d"))
    add("--newer-than", type=duration, metavar="SPAN", help=_("enqueued since"))


@answering
def run_jobs(app: Celery, options: argparse.Namespace) -> int:
    """Carry out one step."""
    if options.step == "list":
        return _list(app, options)
    if options.step == "show":
        return _show(app, options)
    return _change(app, options)


def _selection(options: argparse.Namespace, states: tuple[State, ...] = ()) -> Selection:
    from celeriac.jobs import Selection

    chosen = tuple(State(name) for name in options.state or ())
    return Selection(
        ids=tuple(getattr(options, "ids", ())), states=chosen or states, task=options.task, queue=options.queue,
        older_than=options.older_than, newer_than=options.newer_than,
    )  # fmt: skip


def _list(app: Celery, options: argparse.Namespace) -> int:
    from celeriac.jobs import select, worker_names

    jobs = list(select(app, _selection(options), options.limit))
    if options.json:
        names = worker_names(app, jobs)
        show_json([job_json(job, names[job.id]) for job in jobs])
        return exits.OK
    show_table(COLUMNS, [_row(job) for job in jobs])
    if not app.broker().capabilities.inspect:
        note(_("What waits at this broker cannot be listed; celeriac queues counts it."))
    if len(jobs) == options.limit:
        note(_("These are the newest {n}; -n shows more.").format(n=options.limit))
    return exits.OK


def _row(job: Job) -> tuple[object, ...]:
    took = span(job.finished - job.started) if job.finished and job.started else "-"
    return (job.id, job.state.value, job.task, job.queue, moment(job.created), took, job.attempts)


def _show(app: Celery, options: argparse.Namespace) -> int:
    found = [job for id in options.ids if (job := app.broker().get(id)) is not None]
    if options.json:
        show_json([whole_json(app, job, options.reveal) for job in found])
    else:
        for job in found:
            show_job(app, job, options.reveal)
    return _missing(options.ids, found)


def _missing(ids: list[str], found: list[Job]) -> int:
    missing = [id for id in ids if id not in {job.id for job in found}]
    for id in missing:
        note(_("There is no job {id}. It may have been deleted: ended jobs are kept for a time.").format(id=clean(id)))
    return exits.NOT_FOUND if missing else exits.OK


# -- changing ------------------------------------------------------------------------------------------------------------------


def _change(app: Celery, options: argparse.Namespace) -> int:
    """Retry, cancel or delete: find, ask, do."""
    from celeriac.jobs import select

    by_filter = not options.ids
    meant = MEANT[options.step] + ((State.RUNNING,) if getattr(options, "terminate", False) else ())
    if by_filter and _selection(options).is_everything:
        text = _("Which jobs? Name their ids, or say what they have in common: --state, --task, --queue, --older-than.")
        return complain(text, exits.USAGE)
    selection = _selection(options, meant if by_filter else ())
    jobs = [_light(job) for job in select(app, selection, options.limit)]
    status = _missing(options.ids, jobs) if options.ids and not options.state else exits.OK
    try:
        if by_filter and jobs and not agreed(_question(options.step, len(jobs)), options.yes):
            return complain(_("Nothing was changed."), exits.FAILED)
    except NotAsked as error:
        return complain(error, exits.USAGE)
    return _report(options, jobs, _carry_out(app, options, jobs)) or status


def _light(job: Job) -> Job:
    """Return a job without its bytes, of which a million would not fit in the memory."""
    job.payload, job.result = b"", None
    return job


def _question(step: str, number: int) -> str:
    questions = {
        "retry": _("Jobs to run again: {n}. Go on?"),
        "cancel": _("Jobs to cancel: {n}. Go on?"),
        "delete": _("Jobs whose records to delete: {n}. Go on?"),
    }
    return questions[step].format(n=f"{number:,}")


def _carry_out(app: Celery, options: argparse.Namespace, jobs: list[Job]) -> Changed:
    from celeriac import jobs as public

    def again(app: Celery, light: list[Job]) -> Changed:
        return public.retry(app, [job for each in light if (job := app.broker().get(each.id)) is not None])

    def cancel(app: Celery, light: list[Job]) -> Changed:
        return public.cancel(app, light, options.terminate)

    do: Callable[[Celery, list[Job]], Changed] = {"retry": again, "cancel": cancel, "delete": public.delete}[options.step]
    whole = public.Changed()
    with progress(f"jobs {options.step}", len(jobs)) as advance:
        for start in range(0, len(jobs), BATCH):
            batch = jobs[start : start + BATCH]
            changed = do(app, batch)
            whole.done.update(changed.done)
            whole.refused.update(changed.refused)
            advance(len(batch))
    return whole


def _report(options: argparse.Namespace, jobs: list[Job], changed: Changed) -> int:
    done = len(changed.done)
    if options.json:
        show_json({"done": changed.done, "refused": changed.refused})
    else:
        texts = {
            "retry": _("Jobs run again: {n} of {all}."),
            "cancel": _("Jobs cancelled: {n} of {all}."),
            "delete": _("Jobs deleted: {n} of {all}."),
        }
        say(texts[options.step].format(n=done, all=len(jobs)))
        if options.step == "retry" and options.ids:
            for old, new in changed.done.items():
                say(f"{clean(old)} -> {clean(new)}")
        for id, reason in list(changed.refused.items())[:REASONS]:
            note(f"{clean(id)}: {reason}")
        if len(changed.refused) > REASONS:
            note(_("... and {n} more.").format(n=len(changed.refused) - REASONS))
    return exits.FAILED if changed.refused and not done else exits.OK
