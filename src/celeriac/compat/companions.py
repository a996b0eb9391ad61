"""Celery's Django companions: apps that a project may go on naming in INSTALLED_APPS, and what does their work here."""

from __future__ import annotations

from collections.abc import Mapping

from django.apps import AppConfig

from celeriac.engine.translation import gettext_noop as _

REPLACEMENTS: Mapping[str, str] = {
    "djcelery": _(
        "Celeriac has what it did: 'manage.py celery' starts the worker, and results are kept with their jobs. Its tables stay"
        " as they are and are read no more."
    ),
    "django_celery_beat": _(
        "Celeriac keeps periodic tasks in a table of its own, celeriac.models.PeriodicTask, and its workers fire them. The"
        " tables of django_celery_beat stay as they are, and nothing runs by them: 'celeriac import-beat' copies their rows."
    ),
    "django_celery_results": _(
        "Celeriac keeps results with their jobs, in the same database: read them with AsyncResult(id), or as"
        " celeriac.models.Job. Its tables stay as they are and are written no more."
    ),
    "kombu.transport.django": _(
        "Celeriac keeps the queue in the project's database itself. Its tables stay as they are; jobs that wait in them do not"
        " run."
    ),
    "djkombu": _("Celeriac keeps the queue in the project's database itself."),
    "celery": _("The app that finds your tasks is 'celeriac'."),
}
"""App -> what there is instead. An app of these names is empty under ``install_as_celery()``, even where the real one is
installed: the real ones need parts of Celery that are not here."""


class BeatConfig(AppConfig):
    """django_celery_beat, empty."""

    name = "django_celery_beat"


class CeleryResultConfig(AppConfig):
    """django_celery_results, empty."""

    name = "django_celery_results"


def setup_loader() -> None:
    """``djcelery.setup_loader()``, which settings call: Celeriac reads Django's settings without being told."""
