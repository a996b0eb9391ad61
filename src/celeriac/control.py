"""``app.control``: what can be told to jobs and queues from any process (celery.app.control)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from celeriac.engine.brokers.base import Cancel, Pace, Pause, Purge, Resume, Unpark
from celeriac.engine.translation import gettext as _
from celeriac.exceptions import NotInThisVersion
from celeriac.inspection import Inspect
from celeriac.rates import check_rate, seconds_apart

if TYPE_CHECKING:
    from celeriac.app import Celery


class Control:
    """Commands about jobs and queues. The broker carries them out, so that no worker needs to listen or even to run."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def revoke(
        self, task_id: str | Iterable[str], destination: Any = None, terminate: bool = False, signal: Any = None, **_: Any
    ) -> int:
        """Cancel jobs; running ones only with ``terminate``. Returns how many jobs are cancelled, or will be ended.

        A worker takes jobs up to 0.1 s before it begins them. Without ``terminate``, one that was taken may still begin, as in
        Celery; where a slow job keeps it from that, it ends cancelled. One that runs is not tried again, whatever it ends in.
        """
        ids = (task_id,) if isinstance(task_id, str) else tuple(str(id) for id in task_id)
        return self._do(Cancel(ids, terminate))

    def terminate(self, task_id: str | Iterable[str], **_: Any) -> int:
        """``revoke`` with ``terminate=True``."""
        return self.revoke(task_id, terminate=True)

    def purge(self, *queues: str) -> int:
        """Cancel every job that waits in these queues; in all the project knows, where none is named. Returns how many."""
        settings = self._app.settings
        return self._do(Purge(queues or tuple(dict.fromkeys((settings.default_queue, *settings.queues)))))

    discard_all = purge

    def pause(self, *queues: str) -> int:
        """Stop handing out jobs of these queues."""
        return self._do(Pause(queues))

    def resume(self, *queues: str) -> int:
        """Hand them out again."""
        return self._do(Resume(queues))

    def unpark(self, *ids: str, tasks: Iterable[str] = ()) -> int:
        """Let parked jobs wait again, by id or by the names of their tasks."""
        return self._do(Unpark(ids, tuple(tasks)))

    def rate_limit(self, task_name: str, rate_limit: Any, destination: Any = None, **_ignored: Any) -> int:
        """Let jobs of a task start at most this often, of all workers together: ``rate_limit("shop.print_label", "10/m")``.

        It holds until it is set anew, also after a restart; 0 is no limit, None what the code says. A task that had no limit
        is kept to this one within 5 seconds. Returns how many jobs that were put off wait again. Raises ``ValueError``.
        """
        check_rate(task_name, rate_limit)
        return self._do(Pace(task_name, None if rate_limit is None else seconds_apart(rate_limit)))

    def inspect(self, destination: Iterable[str] | None = None, timeout: float = 1.0, **_: Any) -> Inspect:
        """Return what answers questions about the living workers, or about those named. ``timeout`` changes nothing."""
        return Inspect(self._app, destination)

    def ping(self, destination: Iterable[str] | None = None, timeout: float = 1.0, **_: Any) -> list[dict[str, Any]]:
        """Return an answer of each living worker: ``[{"celeriac@tree": {"ok": "pong"}}]``."""
        return [{name: reply} for name, reply in (self.inspect(destination).ping() or {}).items()]

    def _do(self, command: Any) -> int:
        changed: int = self._app.broker().control(command)
        return changed

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotInThisVersion(
            _(
                "app.control.{name} is not in this version; there are revoke, terminate, purge, pause, resume, unpark,"
                " rate_limit, inspect and ping."
            ).format(name=name)
        )
