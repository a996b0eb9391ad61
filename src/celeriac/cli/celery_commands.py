"""Celery's commands that are not here, and what does their work."""

from __future__ import annotations

from collections.abc import Mapping

from celeriac.engine.translation import gettext_noop as _

_TOP = _("celeriac top shows what goes on, celeriac status and celeriac jobs what is there.")
_NOTHING = _("Celeriac has nothing that it would do.")

INSTEAD: Mapping[str, str] = {
    "amqp": _NOTHING,
    "events": _TOP,
    "flower": _TOP,
    "graph": _NOTHING,
    "list": _("celeriac queues lists the queues; there are no bindings between exchanges."),
    "logtool": _NOTHING,
    "multi": _("start each worker by its own command, and have systemd or supervisord keep it running; -n names it."),
    "shell": _("manage.py shell does it; for one job, celeriac run TASK ARGS."),
    "upgrade": _("celeriac migrate check names each setting that has no effect, with file and line."),
}
"""Command -> the sentence that answers it."""
