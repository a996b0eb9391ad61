"""What is known about Celery's parts: tables, one a part. What this version supplies is asked of it, not written here."""

from __future__ import annotations

from collections.abc import Mapping

from celeriac.cli.celery_commands import INSTEAD
from celeriac.compat.companions import REPLACEMENTS
from celeriac.control import Control
from celeriac.engine.brokers.factory import SCHEMES
from celeriac.migrating.finding import Advice, Category
from celeriac.migrating.rules import (
    Rule,
    among,
    anything,
    backend_elsewhere,
    elsewhere,
    needless_backend,
    no_backend,
    not_json,
    nowhere,
    other_backend,
    truthy,
)

URLS = ", ".join(f"{scheme}://" for scheme in sorted(SCHEMES) if "+" not in scheme)

UNSUPPORTED, CHANGE, DIFFERS, IGNORED = Category.UNSUPPORTED, Category.CHANGE, Category.DIFFERS, Category.IGNORED


# -- advice that several names share ---------------------------------------------------------------------------------------

WORKFLOWS = Advice(
    UNSUPPORTED,
    "Workflows (chain, group, chord and what goes with them) are not in this version.",
    "Let a task enqueue the next one itself, or name it at the call: first.apply_async(link=second.s()). Many calls of one"
    " task: task.bulk(items).",
)
SCHEDULES = Advice(
    UNSUPPORTED,
    "What Celery's schedulers are made of is not here: periodic tasks are a table, and every worker fires what is due.",
    "Declare them in CELERY_BEAT_SCHEDULE, or make them rows of celeriac.models.PeriodicTask.",
)
BEAT_MODELS = Advice(
    DIFFERS,
    "Periodic tasks are made and found by these names, as rows of celeriac.models.PeriodicTask. They are no models: no foreign"
    " key can point to them, no ModelAdmin show them, and no signal tells of them.",
    "For those, use celeriac.models.PeriodicTask.",
)
PICKLE = Advice(
    UNSUPPORTED,
    "Arguments and results are JSON, with dates, times, decimals and UUIDs besides. There is no pickle and no YAML.",
    "Pass ids and plain values, and load the objects inside the task; then remove the setting or option.",
)
INTERNAL = Advice(
    UNSUPPORTED, "This is a part of Celery's own machinery, which Celeriac does not have.", "Remove what needs it."
)
EVENTS = Advice(
    UNSUPPORTED,
    "Celery's events are not sent: the database knows the state of every job.",
    "Read AsyncResult(id).state, or connect to the signals of celery.signals.",
)
CONTROL = Advice(
    UNSUPPORTED,
    "Workers do not listen for remote commands: jobs and queues are controlled through the database.",
    f"There are, of app.control: {', '.join(sorted(name for name in vars(Control) if not name.startswith('_')))}.",
)
KOMBU = Advice(
    UNSUPPORTED,
    "Celeriac does not send messages through kombu; it has only the Queue and Exchange that settings declare queues with.",
    "Keep kombu installed for a use of its own, or remove the import.",
)
RESULTS_APP = Advice(
    UNSUPPORTED,
    "Results are kept in Celeriac's own tables, and this app's are not written.",
    "Read a result by AsyncResult(id), or from celeriac.models.Job.",
)
AT_LEAST_ONCE = Advice(
    DIFFERS,
    "Celery acknowledges a job before it runs and loses it with its process; here it is acknowledged after it ran, so it runs"
    " again when its process dies.",
    "A task that must never run twice says so: acks_late=False. Where all may, CELERY_TASK_ACKS_LATE = True says that it is"
    " meant.",
)
PRIORITIES = Advice(
    DIFFERS,
    "On Redis, Celery's priority 0 is the most urgent; here the higher number is.",
    'To keep the numbers as they are: CELERIAC = {"REVERSE_PRIORITY": True}.',
)
NAIVE_ETA = Advice(
    DIFFERS,
    "A time without a zone is taken as UTC by Celery, and here as a time of the project's TIME_ZONE.",
    "Give countdown= in seconds, or a time with its zone: django.utils.timezone.now() + timedelta(...).",
)
RATES = Advice(
    DIFFERS,
    "In Celery the limit holds for each worker; here for all of them together.",
    "Multiply it by the number of workers to allow as much as before.",
)
INSTALL = Advice(
    CHANGE,
    "The code imports celery, and nothing says yet that this name means Celeriac.",
    "At the top of {package}__init__.py: import celeriac; celeriac.install_as_celery(). Or change the imports to celeriac.",
)
INSTALLED_APP = Advice(
    CHANGE,
    "INSTALLED_APPS does not hold celeriac, so its tables are not made.",
    'Add "celeriac" to it, then: python manage.py migrate.',
)
NO_SETTING = Advice(IGNORED, "", "It may be removed.")
"""The reason is in ``celeriac.conf.names``."""
NO_OPTION = Advice(IGNORED, "The option is accepted and changes nothing.", "It may be removed.")
NEVER_SENT_ADVICE = Advice(DIFFERS, "The signal can be connected to, and is never sent here.", "Remove the receiver.")

REMOVED = "It may be removed."

# -- settings --------------------------------------------------------------------------------------------------------------

SETTINGS: Mapping[str, tuple[Rule, ...]] = {
    "broker_url": (
        Rule(
            nowhere,
            Advice(
                UNSUPPORTED,
                f"No broker has such a URL; this version's are {URLS}.",
                "Remove the setting, or write django://default.",
            ),
        ),
        Rule(
            elsewhere,
            Advice(
                DIFFERS,
                "This version does not connect to this broker: jobs are kept in the project's database.",
                "It may be removed. Let Celery's workers empty the old queues first.",
            ),
        ),
    ),
    "result_backend": (
        Rule(
            no_backend,
            Advice(UNSUPPORTED, "No result backend has such a name.", 'Write "django-db", "django-cache", or a URL of Redis.'),
        ),
        Rule(needless_backend, Advice(IGNORED, "Results are kept with their jobs, and every process may read them.", REMOVED)),
        Rule(
            other_backend,
            Advice(
                IGNORED,
                "This version does not connect to this result backend: results are kept with their jobs.",
                f'{REMOVED} Elsewhere they can be in "django-db", "django-cache", or a database of Redis.',
            ),
        ),
        Rule(
            backend_elsewhere,
            Advice(
                DIFFERS,
                "Results go there in records of Celeriac's own, a moment after their jobs have ended, and are read by"
                " AsyncResult(id). Celery's records are neither read nor written.",
                "Nothing to do. Without the setting they are kept with their jobs.",
            ),
        ),
    ),
    "enable_utc": (
        Rule(
            among(False),
            Advice(
                DIFFERS,
                "Times are always kept in UTC; a time without a zone is one of CELERY_TIMEZONE, or else of TIME_ZONE.",
                "Remove the setting.",
            ),
        ),
    ),
    "task_acks_late": (Rule(among(False), AT_LEAST_ONCE),),
    "task_ignore_result": (
        Rule(
            among(True),
            Advice(
                DIFFERS, "Return values are not kept, as in Celery; states and errors are kept all the same.", "Nothing to do."
            ),
        ),
    ),
    "worker_prefetch_multiplier": (
        Rule(
            anything,
            Advice(
                IGNORED,
                "A worker claims what it has room for, and gives back what waits behind a slow job: there is nothing to tune.",
                "It may be removed.",
            ),
        ),
    ),
    "worker_pool": (
        Rule(
            among("gevent", "eventlet"),
            Advice(
                DIFFERS,
                "Tasks of this pool run in the asyncio pool: coroutines on one event loop, other functions in threads. Nothing"
                " is patched.",
                "Choose threads or asyncio.",
            ),
        ),
    ),
    "result_expires": (
        Rule(
            truthy,
            Advice(
                DIFFERS,
                "It holds for jobs that succeeded. Those that failed are kept 14 days.",
                'CELERIAC = {"KEEP_FAILED": days} sets the other.',
            ),
        ),
    ),
    "task_default_rate_limit": (Rule(truthy, RATES),),
}
"""By Celery's present name. The rest is in ``celeriac.conf.names``."""

APPS: Mapping[str, Advice] = {
    **{app: Advice(IGNORED, instead, "Take it out of INSTALLED_APPS.") for app, instead in REPLACEMENTS.items()},
    "django_celery_beat": Advice(
        CHANGE, REPLACEMENTS["django_celery_beat"], "Run 'celeriac import-beat', then take it out of INSTALLED_APPS."
    ),
    "django_celery_monitor": Advice(
        UNSUPPORTED, "It reads Celery's events, and none are sent.", "Take it out of INSTALLED_APPS."
    ),
}
"""What may be in INSTALLED_APPS."""

# -- imports ---------------------------------------------------------------------------------------------------------------

IMPORTS: Mapping[str, Advice] = {
    "celery": Advice(UNSUPPORTED, "Celeriac does not supply this name.", "Remove what needs it."),
    "celery.backends": Advice(
        UNSUPPORTED,
        "There are no classes of result backends; CELERY_RESULT_BACKEND says where results are.",
        "Use AsyncResult(id).",
    ),
    "celery.bin": INTERNAL,
    "celery.bootsteps": Advice(
        UNSUPPORTED, "A worker has no steps to add to.", "Start what is needed in a receiver of worker_process_init."
    ),
    "celery.concurrency": INTERNAL,
    "celery.app.control": CONTROL,
    "celery.contrib.abortable": Advice(
        UNSUPPORTED, "AbortableTask is not in this version.", "End a running job by AsyncResult(id).revoke(terminate=True)."
    ),
    "celery.events": EVENTS,
    "celery.loaders": Advice(
        UNSUPPORTED, "There are no loaders: settings come from Django, or from config_from_object().", "Remove the loader."
    ),
    "celery.worker": INTERNAL,
    "celery.worker.control": CONTROL,
    "celery.worker.request": Advice(
        UNSUPPORTED,
        "A task cannot bring its own Request class.",
        "Connect to task_prerun, task_postrun and task_failure instead.",
    ),
    "kombu": KOMBU,
    "billiard": Advice(
        UNSUPPORTED,
        "billiard comes with Celery, and its processes are not those of a Celeriac worker.",
        "Import multiprocessing.",
    ),
    "django_celery_beat": SCHEDULES,
    "django_celery_results": RESULTS_APP,
    "djcelery": Advice(
        UNSUPPORTED, "Of django-celery only setup_loader() is there, and its tables are not read.", "Remove the import."
    ),
    "celery_once": Advice(
        UNSUPPORTED, "It is built on Celery's machinery.", "Take a lock inside the task, such as cache.add()."
    ),
    "celery_singleton": Advice(
        UNSUPPORTED, "It is built on Celery's machinery.", "Take a lock inside the task, such as cache.add()."
    ),
    "redbeat": SCHEDULES,
    "flower": EVENTS,
}
"""By the longest part that a module's name begins with. Only what ``celeriac.compat.modules`` does not supply is looked up."""

NOT_ALL: Mapping[str, Advice] = {"celery.beat": SCHEDULES, "django_celery_beat.models": BEAT_MODELS}
"""Modules whose names are there, so that a project can be imported, and do less, or nothing."""

NEVER_SENT = frozenset({
    "beat_embedded_init", "eventlet_pool_apply", "eventlet_pool_postshutdown", "eventlet_pool_preshutdown",
    "eventlet_pool_started", "task_sent", "user_preload_options", "worker_before_create_process",
})  # fmt: skip
"""Signals of Celery that exist here and are never sent."""

# -- tasks and calls -------------------------------------------------------------------------------------------------------

TASK_OPTIONS: Mapping[str, tuple[Rule, ...]] = {
    "serializer": (Rule(not_json, PICKLE),),
    "pydantic": (
        Rule(
            truthy, Advice(UNSUPPORTED, "pydantic=True is not in this version.", "Call Model.model_validate(...) in the task.")
        ),
    ),
    "rate_limit": (Rule(truthy, RATES),),
    "lazy": (Rule(anything, Advice(IGNORED, "")),),
    "from_config": (Rule(anything, Advice(IGNORED, "")),),
}
"""By the name of an option. Others that change nothing are in ``celeriac.declaring``."""

CALL_OPTIONS: Mapping[str, tuple[Rule, ...]] = {
    "serializer": (Rule(not_json, PICKLE), Rule(anything, Advice(IGNORED, ""))),
    "chain": (Rule(truthy, WORKFLOWS),),
    "chord": (Rule(truthy, WORKFLOWS),),
    "retry": (Rule(anything, Advice(IGNORED, "")),),
    "now": (Rule(anything, Advice(IGNORED, "")),),
    "retries": (Rule(anything, Advice(IGNORED, "")),),
    "timeout": (Rule(anything, Advice(IGNORED, "")),),
}
"""By the name of an option of apply_async. Others that change nothing are in ``celeriac.options``. No reason: no finding."""

APP_ARGUMENTS: Mapping[str, Advice] = dict.fromkeys(
    ("amqp", "control", "events", "fixups", "loader", "log"),
    Advice(IGNORED, "Parts of Celery's own machinery are accepted and not used.", "Remove the argument."),
)
"""Arguments of Celery(...)."""

APP_ATTRIBUTES: Mapping[str, Advice] = {
    "steps": IMPORTS["celery.bootsteps"],
    "amqp": KOMBU,
    "connection": KOMBU,
    "connection_for_read": KOMBU,
    "connection_for_write": KOMBU,
    "connection_or_acquire": KOMBU,
    "pool": KOMBU,
    "producer_or_acquire": KOMBU,
    "producer_pool": KOMBU,
    "events": EVENTS,
    "backend": IMPORTS["celery.backends"],
    "loader": IMPORTS["celery.loaders"],
    "GroupResult": WORKFLOWS,
    "ResultSet": WORKFLOWS,
    "canvas": WORKFLOWS,
    "Worker": INTERNAL,
    "WorkController": INTERNAL,
    "Beat": SCHEDULES,
}
"""What may be asked of a Celery object."""

REVOKE_SIGNAL = Advice(
    DIFFERS,
    "The signal is not sent: revoke(terminate=True) ends that one job by itself, whatever the pool.",
    "Remove signal=.",
)  # fmt: skip

# -- commands --------------------------------------------------------------------------------------------------------------

STARTS_A_WORKER = Advice(
    CHANGE,
    "The command celery starts Celery's worker, where that is still installed.",
    "Write instead: {command}. Or give Celeriac that name, once for all: celeriac install-as-celery.",
)
USES_THE_COMMAND = Advice(
    CHANGE,
    "The command celery is Celery's, where that is still installed.",
    "Write instead: {command}. Or give Celeriac that name, once for all: celeriac install-as-celery.",
)
STARTS_BEAT = Advice(
    CHANGE,
    "The command celery starts Celery's beat, where that is still installed. None is needed: every worker fires periodic"
    " tasks.",
    "Remove the line, or write instead: {command}.",
)
STARTS_FLOWER = Advice(UNSUPPORTED, "Flower shows Celery's events, and none are sent.", "Remove the line.")
OTHER_COMMAND = Advice(UNSUPPORTED, "Celeriac has no such command in this version.", "Remove the line.")
STARTS_MANY = Advice(CHANGE, "There is no celery multi: one service runs one worker.", "Write instead: {command}.")
ODD_POOL = SETTINGS["worker_pool"][0].advice

RENAMED_FLAGS: Mapping[str, str] = {
    "--maxtasksperchild": "--max-tasks-per-child",
    "--task-time-limit": "--time-limit",
    "--task-soft-time-limit": "--soft-time-limit",
}
"""Flags of older versions."""

FLAGS_WITH_VALUE = frozenset({
    "-A", "--app", "-b", "--broker", "-c", "--concurrency", "-C", "--config", "-f", "--logfile", "-I", "--include", "-l",
    "--loglevel", "-n", "--hostname", "-O", "-P", "--pool", "-Q", "--queues", "-s", "--schedule", "-S", "--statedb",
    "--scheduler", "-X", "--exclude-queues", "--autoscale", "--gid", "--heartbeat-interval", "--loader", "--max-interval",
    "--max-memory-per-child", "--max-tasks-per-child", "--maxtasksperchild", "--pidfile", "--pool-start-method",
    "--prefetch-multiplier", "--result-backend", "--soft-time-limit", "--task-soft-time-limit", "--task-time-limit",
    "--time-limit", "--uid", "--umask", "--workdir",
})  # fmt: skip
"""Flags of Celery's that are followed by a value."""

QUESTIONS = frozenset({"call", "control", "inspect", "purge", "report", "result", "status"})
"""Commands of Celery's that are here under the same names."""
SUBCOMMANDS = frozenset({"beat", "migrate", "worker", *QUESTIONS, *INSTEAD})
"""What ``celery`` can be told to do."""
