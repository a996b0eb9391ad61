"""``celeriac migrate check``: what of a project written for Celery needs a look, told from its files without running any of it.

``project.py`` reads the files; ``settings.py``, ``imports.py``, ``tasks.py``, ``calls.py`` and ``commands.py`` each find one
sort of thing in them; ``knowledge.py`` is what they know, as tables; ``report.py`` shows it.
"""

from __future__ import annotations

from celeriac.migrating.checking import check
from celeriac.migrating.finding import Category, Finding, Report

__all__ = ["Category", "Finding", "Report", "check"]
