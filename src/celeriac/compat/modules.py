"""Which of Celery's modules there are here, and what each holds: ``module -> names -> where they come from``.

Nothing is imported until a module is: a name is looked up at its first use.
"""

from __future__ import annotations

from collections.abc import Mapping

CELERY_VERSION = "5.7.0"
"""The version whose names and meanings are followed; libraries look at it."""

_APP = dict.fromkeys(("Celery", "shared_task", "app_or_default", "current_app", "current_task"), "celeriac")
_SIGNATURES = {
    name: f"celeriac.canvas:{name}" for name in ("Signature", "signature", "subtask", "maybe_signature", "maybe_subtask")
}
_TASK = {"Task": "celeriac.task:Task", "BaseTask": "celeriac.task:Task"}
_STATE = {
    "current_app": "celeriac",
    "current_task": "celeriac",
    **{
        name: f"celeriac.current:{name}"
        for name in ("app_or_default", "default_app", "get_current_app", "get_current_task", "set_current_app")
    },
    "get_current_worker_task": "celeriac.current:get_current_task",
    "set_default_app": "celeriac.current:set_current_app",
}
_CRONTABS = {
    name: f"celeriac.schedules:{name}"
    for name in (
        "BaseSchedule", "ParseException", "crontab", "crontab_parser", "maybe_schedule", "schedstate", "schedule", "solar",
    )
}  # fmt: skip
_LOG = {name: f"celeriac.utils.log:{name}" for name in ("get_logger", "get_task_logger", "task_logger", "base_logger")}
_DECORATORS = {name: f"celeriac.compat.decorators:{name}" for name in ("task", "periodic_task")}
_BEAT_MODELS = {
    **{
        name: f"celeriac.compat.beat:{name}"
        for name in (
            "ClockedSchedule", "CrontabSchedule", "IntervalSchedule", "PeriodicTask", "PeriodicTasks", "SolarSchedule",
        )
    },
    **{
        name: f"celeriac.compat.beat.schedules:{name}"
        for name in ("DAYS", "HOURS", "MICROSECONDS", "MINUTES", "PERIOD_CHOICES", "SECONDS")
    },
}  # fmt: skip
_UUID = {"uuid": "celeriac", "gen_unique_id": "celeriac:uuid"}

MODULES: Mapping[str, Mapping[str, str]] = {
    "celery": {**_APP, **_SIGNATURES, **_UUID, "Task": "celeriac.task:Task"},
    "celery._state": _STATE,
    "celery.app": {**_APP, **_STATE, "default_app": "celeriac:current_app"},
    "celery.app.base": {"Celery": "celeriac"},
    "celery.app.task": {**_TASK, "Context": "celeriac.engine.request:Request"},
    "celery.beat": {
        name: f"celeriac.compat.beat:{name}"
        for name in ("BeatLazyFunc", "PersistentScheduler", "ScheduleEntry", "Scheduler")
    },
    "celery.canvas": _SIGNATURES,
    "celery.contrib": {},
    "celery.contrib.django": {},
    "celery.contrib.django.task": {"DjangoTask": "celeriac.task:Task"},
    "celery.contrib.pytest": {},
    "celery.contrib.testing": {},
    "celery.contrib.testing.app": {"TestApp": "celeriac.testing.app:TestApp", "Trap": "celeriac.testing.app:Trap"},
    "celery.contrib.testing.tasks": {"ping": "celeriac.testing.tasks:ping"},
    "celery.contrib.testing.worker": {"start_worker": "celeriac.testing.worker:start_worker"},
    "celery.decorators": _DECORATORS,
    "celery.exceptions": {},
    "celery.local": {"Proxy": "celeriac.local:Proxy", "maybe_evaluate": "celeriac.local:maybe_evaluate"},
    "celery.registry": {"tasks": "celeriac.compat.decorators:tasks"},
    "celery.result": {
        name: f"celeriac.result:{name}"
        for name in (
            "AsyncResult", "EagerResult", "ResultBase", "allow_join_result", "denied_join_result", "assert_will_not_block",
            "result_from_tuple",
        )
    },
    "celery.schedules": _CRONTABS,
    "celery.signals": {},
    "celery.states": {},
    "celery.task": {
        **_TASK,
        **_SIGNATURES,
        **_DECORATORS,
        "current": "celeriac:current_task",
    },
    "celery.task.base": _TASK,
    "celery.task.schedules": _CRONTABS,
    "celery.utils": _UUID,
    "celery.utils.log": _LOG,
}  # fmt: skip

KOMBU: Mapping[str, Mapping[str, str]] = {
    "kombu": {"Queue": "celeriac.compat.queues:Queue", "Exchange": "celeriac.compat.queues:Exchange", "uuid": "celeriac"},
    "kombu.exceptions": {"OperationalError": "celeriac.exceptions:OperationalError"},
    "kombu.transport": {},
}
"""The same for kombu, which settings import to name queues. Only where the real one is not installed."""

COMPANIONS: Mapping[str, Mapping[str, str]] = {
    "djcelery": {"setup_loader": "celeriac.compat.companions:setup_loader"},
    "django_celery_beat": {},
    "django_celery_beat.apps": {"BeatConfig": "celeriac.compat.companions:BeatConfig"},
    "django_celery_beat.clockedschedule": {"clocked": "celeriac.schedules:clocked"},
    "django_celery_beat.models": _BEAT_MODELS,
    "django_celery_results": {},
    "django_celery_results.apps": {"CeleryResultConfig": "celeriac.compat.companions:CeleryResultConfig"},
    "djkombu": {},
    "kombu.transport.django": {},
}
"""The same for Celery's Django apps, whether or not the real ones are installed."""

WHOLE: Mapping[str, str] = {
    "celery.contrib.pytest": "celeriac.testing.pytest",
    "celery.exceptions": "celeriac.exceptions",
    "celery.signals": "celeriac.signals",
    "celery.states": "celeriac.states",
}
"""Modules that hold all of one of ours."""

WORKFLOWS = frozenset({
    "chain", "chord", "chunks", "group", "xmap", "xstarmap", "GroupResult", "ResultSet", "StampingVisitor",
})  # fmt: skip
"""Names that come with workflows."""

PACKAGES = frozenset(name.rpartition(".")[0] for name in (*MODULES, *COMPANIONS, *KOMBU)) - {""}
