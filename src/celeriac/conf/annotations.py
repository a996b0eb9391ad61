"""Celery's ``task_annotations``: options that the settings give to tasks (celery.app.annotations)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _


class Annotations:
    """Finds the options of a task: from a dict by name or ``*``, from an object, or from the first of several that has any.

    An object has ``annotate(task)`` or ``annotate_any()``; both return a dict or None. It may be given by its dotted name.
    """

    def __init__(self, annotations: Any) -> None:
        several = annotations if isinstance(annotations, list | tuple) else [annotations] if annotations else []
        self._annotations = [_annotation(annotation) for annotation in several]

    def options(self, task: Any) -> dict[str, Any]:
        """Return what is said about a task. What is said of all tasks yields to what is said of this one."""
        return {**self._first("annotate_any"), **self._first("annotate", task)}

    def _first(self, method: str, *args: Any) -> dict[str, Any]:
        for annotation in self._annotations:
            ask = getattr(annotation, method, None)
            if ask is not None and (found := ask(*args)):
                return dict(found)
        return {}


class _ByName:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def annotate(self, task: Any) -> Any:
        return self._options.get(task.name)

    def annotate_any(self) -> Any:
        return self._options.get("*")


def _annotation(annotation: Any) -> Any:
    if isinstance(annotation, str):
        annotation = _imported(annotation)
    if isinstance(annotation, Mapping):
        return _ByName(annotation)
    if isinstance(annotation, type):
        annotation = annotation()
    if not (hasattr(annotation, "annotate") or hasattr(annotation, "annotate_any")):
        raise ImproperlyConfigured(
            _("{annotation!r} in CELERY_TASK_ANNOTATIONS is neither a dict by task name nor an object with annotate().").format(
                annotation=annotation
            )
        )
    return annotation


def _imported(path: str) -> Any:
    module, name = path.replace(":", ".").rpartition(".")[::2]
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(
            _("{path!r} in CELERY_TASK_ANNOTATIONS cannot be imported: {error}").format(path=path, error=error)
        ) from error
