"""The doctor: looks at a project, its broker, its database and its workers, and says what is wrong and what mends it."""

from __future__ import annotations

from celeriac.doctor.examination import CHECKS, examine
from celeriac.doctor.finding import Finding, Gravity
from celeriac.doctor.schedules import entries

__all__ = ["CHECKS", "Finding", "Gravity", "entries", "examine"]
