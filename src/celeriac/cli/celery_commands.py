"""Celery's commands that are not here, and what does their work."""

from __future__ import annotations

from collections.abc import Mapping

from celeriac.engine.translation import gettext_noop as _

_STATES = _(
    "the database knows every job and worker: look at celeriac.models.Job and celeriac.models.Worker in manage.py shell."
)
_CONTROL = _("there are app.control.revoke, terminate, purge, pause, resume and rate_limit, to be called from manage.py shell.")
_SHELL = _("manage.py shell does it: call .delay() of a task, or AsyncResult(id).get().")
_NOTHING = _("Celeriac has nothing that it would do.")

INSTEAD: Mapping[str, str] = {
    "amqp": _NOTHING,
    "call": _SHELL,
    "control": _CONTROL,
    "events": _STATES,
    "flower": _STATES,
    "graph": _NOTHING,
    "inspect": _STATES,
    "list": _STATES,
    "logtool": _NOTHING,
    "multi": _("start each worker by its own command, and have systemd or supervisord keep it running; -n names it."),
    "purge": _("app.control.purge(), called from manage.py shell, cancels every job that waits."),
    "report": _("the first lines of a worker say what it runs with, and manage.py check what is wrong."),
    "result": _SHELL,
    "shell": _SHELL,
    "status": _STATES,
    "upgrade": _("celeriac migrate check names each setting that has no effect, with file and line."),
}
"""Command -> the sentence that answers it."""
