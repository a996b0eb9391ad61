"""The libraries that only some kinds of schedule need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from celeriac.engine.translation import gettext as _


def import_extra(module: str, package: str, kind: str) -> Any:
    """Return the imported ``module`` of ``package``; where it is not installed, ``ImportError`` says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            _("Schedules of kind {kind} need {package}, which is not installed: pip install 'celeriac[schedules]'").format(
                kind=kind, package=package
            )
        ) from error
