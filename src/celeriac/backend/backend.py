"""``TASKS = {"default": {"BACKEND": "celeriac.backend.CeleriacBackend"}}``: Celeriac behind Django's own ``@task``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.utils import timezone

from celeriac.app import Celery
from celeriac.backend.djangotasks import (
    BaseTaskBackend,
    InvalidTask,
    Task,
    TaskResultDoesNotExist,
    TaskResultStatus,
    normalize_json,
    signals,
)
from celeriac.backend.immediate import run_now
from celeriac.backend.result import HEADER, JobResult, change, recorded
from celeriac.backend.runnable import RunnableTask, register
from celeriac.backend.task import CeleriacTask, due
from celeriac.calling import build_job, publish
from celeriac.current import current_app
from celeriac.engine.codec import plain_headers
from celeriac.engine.errors import did_you_mean
from celeriac.engine.job import Job
from celeriac.engine.request import running_request
from celeriac.engine.translation import gettext as _
from celeriac.jobs import worker_name
from celeriac.reports import report

SETTINGS = ("BACKEND", "QUEUES", "OPTIONS")


class CeleriacBackend(BaseTaskBackend):
    """A backend of Django's tasks. It keeps nothing: its jobs go to the current app's broker, beside those of ``delay()``."""

    task_class = CeleriacTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True
    supports_metadata = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self._params = params

    # -- tasks -------------------------------------------------------------------------------------------------------------

    def validate_task(self, task: Task) -> None:
        """Raise ``InvalidTask`` for what Django refuses; a ``timedelta`` as ``run_after`` is taken besides."""
        run_after: Any = task.run_after
        if isinstance(run_after, timedelta):
            replace(task, run_after=None)  # which validates the rest of it
            return
        if run_after is not None and not isinstance(run_after, datetime):
            raise InvalidTask(
                _("run_after is {run_after!r}; expected an aware datetime or a timedelta.").format(run_after=run_after)
            )
        super().validate_task(task)

    def enqueue(self, task: Task, args: Any, kwargs: Any) -> Any:
        """Enqueue a job, inside the caller's transaction where there is one; return its ``JobResult``.

        Raises ``TypeError`` for arguments that are not JSON or do not fit the function, ``InvalidTask``, and what
        ``apply_async`` raises.
        """
        self.validate_task(task)
        app, task = current_app(), due(task)
        arguments, keywords = _plain(args, kwargs)
        job = self._job(app, task, arguments, keywords)
        result = self._result(task, job, arguments, keywords)
        self.accept(app, job, result)
        return result

    def accept(self, app: Celery, job: Job, result: JobResult) -> None:
        """Hand the job over and send ``task_enqueued``. With ``task_always_eager`` it runs here; ``result`` is its end then."""
        if app.settings.always_eager:
            signals.task_enqueued.send(type(self), task_result=result)
            run_now(app, job, result)
        else:
            publish(app, (job,))
            signals.task_enqueued.send(type(self), task_result=result)

    def _job(self, app: Celery, task: Task, args: list[Any], kwargs: dict[str, Any]) -> Job:
        runnable = _known(app, task)
        arguments, keywords = runnable.checked(tuple(args), kwargs)
        options: dict[str, Any] = {}
        if task.queue_name != runnable.queue:
            options["queue"] = task.queue_name
        if task.run_after is not None:
            options["eta"] = task.run_after
        job = build_job(app, runnable.name, runnable, arguments, keywords, options)
        job.priority = int(task.priority)  # as Django has it, whatever the settings say of Celery's priorities
        job.headers = _headers(task, runnable)
        return job

    def _result(self, task: Task, job: Job, args: list[Any], kwargs: dict[str, Any]) -> JobResult:
        return JobResult(
            task=task,
            id=job.id,
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
            raw_metadata=dict(getattr(task, "metadata", None) or {}),
        )

    # -- results -----------------------------------------------------------------------------------------------------------

    def get_result(self, result_id: str) -> JobResult:
        """Return the result of a job. Raises ``TaskResultDoesNotExist``, also for a job of a task that is not Django's."""
        app = current_app()
        job: Job | None = app.broker().get(str(result_id))
        if job is None:
            raise TaskResultDoesNotExist(_("There is no job with the id {id!r}, or it was deleted.").format(id=result_id))
        runnable = app.tasks.get_task(job.task)
        if not isinstance(runnable, RunnableTask):
            raise TaskResultDoesNotExist(
                _(
                    "The job {id} is one of {task}, which is no task of Django's here: celeriac.AsyncResult(id) knows it."
                ).format(id=result_id, task=job.task)
            )
        job.worker = worker_name(app, job)
        return recorded(runnable.django_task, job, app.broker().attempts(job.id), app.cipher)

    def save_metadata(self, task_result: JobResult, metadata: Mapping[str, Any]) -> None:
        """Keep the metadata of the job that runs here. Raises as ``context.save_metadata()`` does."""
        request = running_request()
        if request is None or request.id != task_result.id:
            raise RuntimeError(_("Only the running job {id} can save its metadata.").format(id=task_result.id))
        if reserved := [key for key in metadata if str(key).startswith("_")]:
            raise ValueError(
                _("The metadata has the key {key!r}; keys that begin with _ belong to the backend.").format(key=reserved[0])
            )
        kept = {key: value for key, value in task_result.raw_metadata.items() if key.startswith("_")}
        change(task_result, raw_metadata={**kept, **_plain((), metadata)[1]})
        report(request, {"metadata": task_result.raw_metadata})

    # -- system checks -----------------------------------------------------------------------------------------------------

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Say what of ``TASKS`` cannot be meant."""
        return list(self._problems())

    def _problems(self) -> Iterator[CheckMessage]:
        where = f"TASKS[{self.alias!r}]"
        for name in self._params:
            if name not in SETTINGS:
                yield Error(
                    _("{where} has no {name!r}.{hint}").format(where=where, name=name, hint=did_you_mean(name, SETTINGS)),
                    id="celeriac.E010",
                )
        for name in self.options:
            yield Error(
                _("{where}['OPTIONS'] has {name!r}, and Celeriac has no option there.").format(where=where, name=name),
                hint=_("The broker is CELERY_BROKER_URL, and what concerns one task is said at @task(...)."),
                id="celeriac.E011",
            )
        if not apps.is_installed("celeriac"):
            yield Error(
                _("{where} is Celeriac's backend, and INSTALLED_APPS has no 'celeriac'.").format(where=where),
                hint=_('Add "celeriac" to INSTALLED_APPS, and run: python manage.py migrate'),
                id="celeriac.E012",
            )


def _plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments as JSON has them, by Django's rule. Raises ``TypeError``."""
    return cast(list[Any], normalize_json(args)), cast(dict[str, Any], normalize_json(kwargs))


def _known(app: Celery, task: Task) -> RunnableTask:
    """Return what runs a Task in an app. Raises ``InvalidTask`` where a task of another making has its name."""
    runnable = register(task)
    found: object = app.tasks.get_task(runnable.name)
    if found is not runnable:
        raise InvalidTask(
            _("{name} is the name of a task that @shared_task or @app.task made. Give the function another name.").format(
                name=runnable.name
            )
        )
    return runnable


def _headers(task: Task, runnable: RunnableTask) -> dict[str, Any] | None:
    """Return what a worker has to know of a job besides its task: nothing, mostly."""
    about: dict[str, Any] = {}
    if task.backend != runnable.django_task.backend:
        about["backend"] = task.backend
    if metadata := getattr(task, "metadata", None):
        about["metadata"] = metadata
    return plain_headers(runnable.name, {HEADER: about}) if about else None
