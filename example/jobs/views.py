"""A page for one job, the same as JSON, and the list of what the reader has started."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from jobs.history import recall
from jobs.status import look_up


def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a job's state, progress and result. The page refreshes itself until the job has ended."""
    return render(request, "jobs/job.html", {"job": look_up(job_id), "title": dict(recall(request)).get(job_id, "Job")})


def status(request: HttpRequest, job_id: str) -> JsonResponse:
    """The same for programs: the page's own script asks this, and so does the scripted visit."""
    found = look_up(job_id)
    return JsonResponse(asdict(found) | {"percent": found.percent})


def started(request: HttpRequest) -> HttpResponse:
    """List the jobs that this reader has started."""
    jobs = [(title, look_up(job_id)) for job_id, title in recall(request)]
    return render(request, "jobs/started.html", {"jobs": jobs})
