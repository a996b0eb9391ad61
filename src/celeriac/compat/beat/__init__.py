"""The names of celery.beat and django_celery_beat.models that programs import.

There is one table behind them: ``PeriodicTask`` is a row of ``celeriac.models.PeriodicTask`` in the words of
django-celery-beat, and a schedule is a value that such a row has in it.
"""

from __future__ import annotations

from celeriac.compat.beat.entries import BeatLazyFunc, PersistentScheduler, ScheduleEntry, Scheduler
from celeriac.compat.beat.schedules import ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule
from celeriac.compat.beat.tasks import PeriodicTask, PeriodicTasks

__all__ = [
    "BeatLazyFunc",
    "ClockedSchedule",
    "CrontabSchedule",
    "IntervalSchedule",
    "PeriodicTask",
    "PeriodicTasks",
    "PersistentScheduler",
    "ScheduleEntry",
    "Scheduler",
    "SolarSchedule",
]
