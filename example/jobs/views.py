"""A page for one job, the same as JSON, and the list of what the reader has started."""

from __future__ import annotations

from dataclasses import asdict

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from jobs.history import recall
from jobs.status import Status, look_up


def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a job's state, progress and result. The page refreshes itself until the job has ended."""
    title = dict(recall(request)).get(job_id, "Job")
    return render(request, "jobs/job.html", {"job": known(job_id), "title": title})


def status(request: HttpRequest, job_id: str) -> JsonResponse:
    """The same for programs: the page's own script asks this, and so does the scripted visit."""
    found = known(job_id)
    return JsonResponse(asdict(found) | {"percent": found.percent})


def started(request: HttpRequest) -> HttpResponse:
    """List the jobs that this reader has started, as far as they are still kept."""
    jobs = [(title, found) for job_id, title in recall(request) if (found := look_up(job_id)) is not None]
    return render(request, "jobs/started.html", {"jobs": jobs})


def known(job_id: str) -> Status:
    """Return what is known of a job, or answer 404."""
    found = look_up(job_id)
    if found is None:
        raise Http404(f"There is no job {job_id}.")
    return found
