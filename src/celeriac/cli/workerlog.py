"""The log of the processes that know the project: what its settings and its receivers of ``setup_logging`` say of it."""

from __future__ import annotations

import logging

from celeriac import signals
from celeriac.cli.worker import Flags
from celeriac.conf import Settings
from celeriac.engine.worker import logs, stdouts
from celeriac.engine.worker.joblog import JobLogHandler

_DJANGO_S_OWN = ("django.tasks", "django_tasks")
"""The loggers of Django's tasks: a line for each start and each end of a job, and these the worker's own log has already."""
_SAID_BY_THE_WORKER = ("celeriac.", logs.RECEIPTS, logs.ATTEMPTS, *_DJANGO_S_OWN)
"""What the beginning of a logger's name shows to be the worker's own: that is not what a job says."""


def set_up_logging(settings: Settings, flags: Flags) -> None:
    """Send the log where the flags say, and what tasks print with it, unless the project connects to ``setup_logging``."""
    keep = JobLogHandler(settings.max_log_bytes)
    keep.addFilter(lambda record: not record.name.startswith(_SAID_BY_THE_WORKER))
    root = logging.getLogger()
    told = {"loglevel": flags.loglevel, "logfile": flags.logfile, "format": flags.log_format, "colorize": False}
    if signals.setup_logging.receivers:
        signals.setup_logging.send(sender=None, **told)
        root.addHandler(keep)
        return
    if settings.hijack_root_logger or not root.handlers:
        logs.configure(flags.loglevel, flags.log_format, file=flags.log_file)
    root.addHandler(keep)
    _quieten(flags.loglevel)
    signals.after_setup_logger.send(sender=None, logger=root, **told)
    signals.after_setup_task_logger.send(sender=None, logger=logging.getLogger("celery.task"), **told)
    if settings.redirect_stdouts:
        stdouts.redirect(logging.getLevelNamesMapping()[settings.redirect_stdouts_level], keep)


def _quieten(level: str) -> None:
    """Let Django's own log of tasks begin at the worker's level, unless the project's ``LOGGING`` gives it one.

    Django's default is INFO, whatever the worker is told.
    """
    for logger in map(logging.getLogger, _DJANGO_S_OWN):
        if logger.level == logging.NOTSET:
            logger.setLevel(level)
