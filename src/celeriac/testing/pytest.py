"""Fixtures for pytest: Celery's, under Celery's names (celery.contrib.pytest), and one for each mode of ``override``.

Turn them on in ``conftest.py`` with ``pytest_plugins = ("celeriac.testing.pytest",)``. The fixtures that begin with ``celery_``
make an app of their own, without the project's settings, on a broker in memory; what they are told to do differently is said by
overriding ``celery_config`` and the others, as with Celery. Those that begin with ``celeriac_`` use the project's app.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.current import current_app_is
from celeriac.testing.app import TestApp, Trap
from celeriac.testing.override import override
from celeriac.testing.worker import InProcessWorker, start_worker

_DATABASE = ("transactional_db", "db")
"""pytest-django's fixtures: where a test uses one, it comes before the worker, and goes after it."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known: ``@pytest.mark.celery(task_default_queue="other")``."""
    config.addinivalue_line("markers", "celery(**settings): settings of the fixture celery_app for this test.")


# -- the project's own app ----------------------------------------------------------------------------------------------------


@pytest.fixture
def celeriac_record() -> Iterator[None]:
    """Keep the jobs that the test enqueues; ``celeriac.testing.drain()`` runs them."""
    with override(mode="record"):
        yield


@pytest.fixture
def celeriac_eager() -> Iterator[None]:
    """Run each job at its call."""
    with override(mode="eager"):
        yield


@pytest.fixture
def celeriac_worker() -> Iterator[None]:
    """Run jobs in a worker in another thread, with the queue in memory."""
    with override(mode="worker"):
        yield


# -- Celery's: what to override -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def celery_config() -> dict[str, Any]:
    """Settings of the test app. To be overridden."""
    return {}


@pytest.fixture(scope="session")
def celery_parameters() -> Mapping[str, Any]:
    """Arguments of ``Celery(...)`` for the test app. To be overridden."""
    return {}


@pytest.fixture(scope="session")
def celery_includes() -> Iterable[str]:
    """Modules that a worker imports before it starts. To be overridden."""
    return ()


@pytest.fixture(scope="session")
def celery_class_tasks() -> Iterable[type]:
    """Classes of tasks to register with ``celery_session_app``. To be overridden."""
    return ()


@pytest.fixture(scope="session")
def celery_worker_pool() -> str:
    """The pool of workers: ``solo`` or ``threads``. To be overridden."""
    return "solo"


@pytest.fixture(scope="session")
def celery_worker_parameters() -> Mapping[str, Any]:
    """Options of ``start_worker``, such as ``queues``. To be overridden."""
    return {}


@pytest.fixture(scope="session")
def celery_enable_logging() -> bool:
    """Whether workers log from level INFO on. To be overridden."""
    return False


@pytest.fixture(scope="session")
def use_celery_app_trap() -> bool:
    """Whether the use of the current app is an error while a test has an app of its own. To be overridden."""
    return False


# -- Celery's: apps and workers -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def celery_session_app(
    celery_config: Mapping[str, Any],
    celery_parameters: Mapping[str, Any],
    celery_class_tasks: Iterable[type],
    use_celery_app_trap: bool,
) -> Iterator[Celery]:
    """An app for the whole run of tests."""
    with _app(celery_config, celery_parameters, use_celery_app_trap) as app:
        for task in celery_class_tasks:
            app.register_task(task)
        yield app


@pytest.fixture(scope="session")
def celery_session_worker(
    celery_session_app: Celery,
    celery_includes: Iterable[str],
    celery_worker_pool: str,
    celery_worker_parameters: Mapping[str, Any],
    celery_enable_logging: bool,
) -> Iterator[InProcessWorker]:
    """A worker for the whole run of tests."""
    with _worker(
        celery_session_app, celery_includes, celery_worker_pool, celery_worker_parameters, celery_enable_logging
    ) as worker:
        yield worker


@pytest.fixture
def celery_app(
    request: pytest.FixtureRequest,
    celery_config: Mapping[str, Any],
    celery_parameters: Mapping[str, Any],
    use_celery_app_trap: bool,
) -> Iterator[Celery]:
    """An app for one test, with the settings of ``celery_config`` and of the marker ``celery``."""
    mark = request.node.get_closest_marker("celery")
    with _app({**celery_config, **(mark.kwargs if mark else {})}, celery_parameters, use_celery_app_trap) as app:
        yield app


@pytest.fixture
def celery_worker(
    request: pytest.FixtureRequest,
    celery_app: Celery,
    celery_includes: Iterable[str],
    celery_worker_pool: str,
    celery_worker_parameters: Mapping[str, Any],
    celery_enable_logging: bool,
) -> Iterator[InProcessWorker]:
    """A worker of ``celery_app`` for one test. While it runs, shared tasks are enqueued to it."""
    for fixture in _DATABASE:
        if fixture in request.fixturenames:
            request.getfixturevalue(fixture)
    with _worker(celery_app, celery_includes, celery_worker_pool, celery_worker_parameters, celery_enable_logging) as worker:
        yield worker


@pytest.fixture
def depends_on_current_app(celery_app: Celery) -> Iterator[None]:
    """Make ``celery_app`` the current app for one test, so that shared tasks are its own."""
    with current_app_is(celery_app):
        yield


@contextmanager
def _app(config: Mapping[str, Any], parameters: Mapping[str, Any], trap: bool) -> Iterator[Celery]:
    app = TestApp(config=config, **parameters)
    with current_app_is(Trap()) if trap else nullcontext():
        yield app


@contextmanager
def _worker(
    app: Celery, includes: Iterable[str], pool: str, parameters: Mapping[str, Any], logging: bool
) -> Iterator[InProcessWorker]:
    for module in includes:
        importlib.import_module(module)
    options = {"pool": pool, "loglevel": "INFO" if logging else None, **parameters}
    with start_worker(app, **options) as worker:
        yield worker
