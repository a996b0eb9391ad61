"""Which jobs a reader has started, kept in the session."""

from __future__ import annotations

from django.http import HttpRequest

MOST = 20


def remember(request: HttpRequest, job_id: str, title: str) -> None:
    """Add a job to the reader's list, the newest first."""
    request.session["jobs"] = [[job_id, title], *recall(request)][:MOST]


def recall(request: HttpRequest) -> list[list[str]]:
    """Return ``[id, title]`` of each job the reader has started."""
    started: list[list[str]] = request.session.get("jobs", [])
    return started
