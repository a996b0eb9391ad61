"""An app for tests, with nothing of the project's settings (celery.contrib.testing.app)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from celeriac.app import Celery

_numbers = itertools.count(1)


class TestApp(Celery):
    """An app on a broker in memory, which no other app has. It does not become the current one by itself."""

    __test__ = False  # pytest is not to take it for a class of tests

    def __init__(
        self,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        enable_logging: bool = False,
        set_as_current: bool = False,
        **parameters: Any,
    ) -> None:
        settings = {"broker_url": "memory://", **(config or {})}
        if settings["broker_url"].rstrip("/") == "memory:":
            settings["broker_url"] = f"memory://test-app-{next(_numbers)}"  # no test gets the jobs of another
        parameters = {"config_source": {}, **parameters, "changes": {**settings, **parameters.pop("changes", {})}}
        super().__init__(name or "celery.tests", set_as_current=set_as_current, **parameters)


class Trap:
    """Stands for the current app where a test must not use it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"The test used the current app ({name}) while use_celery_app_trap is on. Use the fixture celery_app, or ask for"
            " depends_on_current_app."
        )
