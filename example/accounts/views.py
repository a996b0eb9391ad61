"""The page on which a reader registers."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.forms import RegistrationForm
from accounts.tasks import send_welcome
from jobs.history import remember


def register(request: HttpRequest) -> HttpResponse:
    """Create the account and answer; the e-mail is a job's business."""
    form = RegistrationForm(request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/register.html", {"form": form})
    # Account and job are rows of one database, so one transaction makes both or neither: no welcome for an account that
    # was rolled back, no account whose welcome was lost on the way to a queue.
    with transaction.atomic():
        user = form.save()
        job = send_welcome.delay(user.pk)
    login(request, user)
    remember(request, job.id, "Welcome e-mail")
    return redirect("job", job.id)
