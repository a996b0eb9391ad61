"""Celery's signals (celery.signals): functions that are called when something happens.

``@task_failure.connect`` or ``@task_failure.connect(sender=my_task)``. A receiver gets keyword arguments, ``sender`` and
``signal`` among them; one that raises is logged and changes nothing. Sending to nobody costs one look at ``receivers``.

Names, arguments and senders are Celery's; the process in which each is sent is not always, since here no process that runs the
project's code supervises the others:

*the caller's*
    ``before_task_publish``, ``after_task_publish``. A header that a receiver of the first adds travels with the job. A callback
    of ``link`` is announced by the child that builds it, before; a retry is no new message and is not announced.
*a child*, in the thread or coroutine that runs the job
    ``task_received`` and ``task_prerun``, both when the body is about to be called; ``task_success``, ``task_retry``,
    ``task_failure``, ``task_revoked``, ``task_postrun``; ``task_unknown`` for a job without a task, ``task_rejected`` for one
    that cannot be read and for ``Reject(requeue=True)``; ``task_internal_error``, before ``task_failure``, where not the body
    failed but the engine over it. ``apply()`` and ``task_always_eager`` send them in the caller's process, but for
    ``task_received``. A job that was revoked before it began never gets to a child: the store knows, and no signal is sent.
*each child*, at its beginning and its end
    ``worker_process_init``, ``worker_process_shutdown``. A child that is killed does not send the second.
*the template*, from which all others are forked, while it loads the project
    ``celeryd_init``, ``import_modules``, ``setup_logging`` (whose receivers take the place of our own configuration) or else
    ``after_setup_logger`` and ``after_setup_task_logger``, ``worker_init``, ``celeryd_after_setup``. No threads here: a fork
    would lose them.
*the herald*, forked when the worker is ready, and only where somebody listens
    ``worker_ready``, ``heartbeat_sent`` (about every 2 s while the keeper is alive), ``worker_shutting_down``,
    ``worker_shutdown``; and ``task_failure`` or ``task_revoked`` for a job whose child was killed over it (a hard time limit,
    ``revoke(terminate=True)``). What a receiver keeps in memory or starts in a thread is there for the receivers of the others.
*any process that has an app*
    ``import_modules``, when the app looks for its tasks.

With ``--pool solo``, and on Windows, these are one process, and the herald is a thread of it. ``celeriac beat`` sends
``beat_init``. The job of a tick is built where no code of the project runs, so ``before_task_publish`` and
``after_task_publish`` are not sent for it. Accepted and never sent, because what they tell of does not exist here:
``beat_embedded_init``, ``worker_before_create_process``, ``user_preload_options``, ``task_sent``, those of the eventlet pool.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

logger = logging.getLogger("celeriac.signals")

Receiver = Callable[..., Any]


class _Connection(NamedTuple):
    key: Any
    sender: Any
    reference: Callable[[], Receiver | None]


class Signal:
    """One thing that can happen. ``receivers`` is replaced, never changed, so that sending needs no lock."""

    def __init__(self, name: str = "signal", providing_args: Any = None, use_caching: bool = False) -> None:
        self.name = name
        self.providing_args = frozenset(providing_args or ())
        self.receivers: tuple[_Connection, ...] = ()
        self._lock = threading.Lock()

    def connect(
        self, receiver: Receiver | None = None, sender: Any = None, weak: bool = False, dispatch_uid: Any = None, **_: Any
    ) -> Any:
        """Call ``receiver`` when this happens, only for ``sender`` where that is given.

        Also a decorator, with or without arguments. With ``weak`` a receiver is forgotten once nothing else refers to it. A
        receiver connected twice is called once.
        """
        if receiver is None:
            return lambda function: self.connect(function, sender, weak, dispatch_uid)
        connection = _Connection(_key(receiver, sender, dispatch_uid), sender, _reference(receiver, weak))
        with self._lock:
            if all(known.key != connection.key for known in self.receivers):
                self.receivers = (*self.receivers, connection)
        return receiver

    def disconnect(
        self, receiver: Receiver | None = None, sender: Any = None, weak: Any = None, dispatch_uid: Any = None
    ) -> bool:
        """Do not call it any more. Returns whether it was connected."""
        key = _key(receiver, sender, dispatch_uid)
        with self._lock:
            left = tuple(known for known in self.receivers if known.key != key)
            gone, self.receivers = len(left) < len(self.receivers), left
        return gone

    def has_listeners(self, sender: Any = None) -> bool:
        """Return whether anybody would be told."""
        return any(_meant(connection.sender, sender) for connection in self.receivers)

    def send(self, sender: Any = None, **named: Any) -> list[tuple[Receiver, Any]]:
        """Call the receivers; return each with its answer, or with the exception it raised."""
        answers = []
        for connection in self.receivers:
            receiver = connection.reference()
            if receiver is None or not _meant(connection.sender, sender):
                continue
            try:
                answer = receiver(signal=self, sender=sender, **named)
            except Exception as error:
                logger.exception("A receiver of the signal %s raised: %r", self.name, receiver)
                answer = error
            answers.append((receiver, answer))
        return answers

    send_robust = send

    def __repr__(self) -> str:
        return f"<Signal: {self.name}>"


def _key(receiver: Receiver | None, sender: Any, dispatch_uid: Any) -> Any:
    if dispatch_uid is not None:
        return (dispatch_uid, _sender_key(sender))
    if receiver is not None and hasattr(receiver, "__self__") and hasattr(receiver, "__func__"):
        return (id(receiver.__self__), id(receiver.__func__), _sender_key(sender))
    return (id(receiver), _sender_key(sender))


def _sender_key(sender: Any) -> Any:
    return sender if isinstance(sender, str) else id(sender)


def _reference(receiver: Receiver, weak: bool) -> Callable[[], Receiver | None]:
    if not weak:
        return lambda: receiver
    return (
        weakref.WeakMethod(receiver)
        if hasattr(receiver, "__self__") and hasattr(receiver, "__func__")
        else weakref.ref(receiver)
    )


def _meant(wanted: Any, sender: Any) -> bool:
    """A task may be named by its name, and a publish signal, whose sender is a name, by the task."""
    return wanted is None or wanted is sender or wanted == sender or _name(wanted) == _name(sender)


def _name(sender: Any) -> Any:
    return sender if isinstance(sender, str) else getattr(sender, "name", sender)


before_task_publish = Signal("before_task_publish")
after_task_publish = Signal("after_task_publish")
task_received = Signal("task_received")
task_prerun = Signal("task_prerun")
task_postrun = Signal("task_postrun")
task_success = Signal("task_success")
task_retry = Signal("task_retry")
task_failure = Signal("task_failure")
task_internal_error = Signal("task_internal_error")
task_revoked = Signal("task_revoked")
task_rejected = Signal("task_rejected")
task_unknown = Signal("task_unknown")
task_sent = Signal("task_sent")

celeryd_init = Signal("celeryd_init")
celeryd_after_setup = Signal("celeryd_after_setup")
import_modules = Signal("import_modules")
worker_init = Signal("worker_init")
worker_before_create_process = Signal("worker_before_create_process")
worker_process_init = Signal("worker_process_init")
worker_process_shutdown = Signal("worker_process_shutdown")
worker_ready = Signal("worker_ready")
worker_shutting_down = Signal("worker_shutting_down")
worker_shutdown = Signal("worker_shutdown")
heartbeat_sent = Signal("heartbeat_sent")

setup_logging = Signal("setup_logging")
after_setup_logger = Signal("after_setup_logger")
after_setup_task_logger = Signal("after_setup_task_logger")

beat_init = Signal("beat_init")
beat_embedded_init = Signal("beat_embedded_init")
eventlet_pool_started = Signal("eventlet_pool_started")
eventlet_pool_preshutdown = Signal("eventlet_pool_preshutdown")
eventlet_pool_postshutdown = Signal("eventlet_pool_postshutdown")
eventlet_pool_apply = Signal("eventlet_pool_apply")
user_preload_options = Signal("user_preload_options")
