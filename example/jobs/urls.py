"""Addresses under /jobs/."""

from __future__ import annotations

from django.urls import path

from jobs import views

urlpatterns = [
    path("", views.started, name="jobs"),
    path("<str:job_id>/", views.job, name="job"),
    path("<str:job_id>/status.json", views.status, name="job-status"),
]
