"""What ``manage.py check`` says about Celeriac: settings, SQLite's transaction mode, caches beside the queue, companions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core import checks

from celeriac.doctor.finding import Finding, Findings, Gravity
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery


SCHEDULES = "celeriac.W004"
"""The system check of periodic tasks, of which the doctor has one that says more."""


def settings(app: Celery) -> Findings:
    """Run the system checks of Celeriac's own."""
    for problem in checks.run_checks(tags=["celeriac"]):
        if problem.level < checks.WARNING or problem.is_silenced() or problem.id == SCHEDULES:
            continue
        gravity = Gravity.ERROR if problem.level >= checks.ERROR else Gravity.WARNING
        fix = problem.hint or _("The sentence says what to write. manage.py check shows it too ({id}).").format(id=problem.id)
        yield Finding(gravity=gravity, about="settings", text=str(problem.msg), fix=str(fix).strip())
