"""Loggers for tasks (celery.utils.log). What they write while a job runs is kept with the job, as is all standard logging."""

from __future__ import annotations

import logging

from celeriac.engine.translation import gettext as _

base_logger = logging.getLogger("celery")
task_logger = logging.getLogger("celery.task")
worker_logger = logging.getLogger("celery.worker")

_RESERVED = frozenset({"celery", "celery.task"})


def get_logger(name: str) -> logging.Logger:
    """Return a logger below ``celery``."""
    logger = logging.getLogger(name)
    if logging.root in (logger, logger.parent) and logger is not base_logger:
        logger.parent = base_logger
    return logger


def get_task_logger(name: str) -> logging.Logger:
    """Return a logger for tasks: one of the given name whose records pass through ``celery.task``.

    Raises ``RuntimeError`` for the names that Celery keeps for itself.
    """
    if name in _RESERVED:
        raise RuntimeError(
            _("The logger name {name!r} is reserved. Pass the name of your module: get_task_logger(__name__).").format(
                name=name
            )
        )
    logger = logging.getLogger(name)
    if logger.parent in (None, logging.root):
        logger.parent = task_logger
    return logger
