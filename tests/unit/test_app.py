from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import celeriac
from celeriac import app_or_default, current, current_app
from celeriac.app import Celery
from celeriac.discovery import package_of
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.exceptions import ImproperlyConfigured, NotRegistered
from celeriac.schedules import crontab
from celeriac.task import Task


def test_there_is_always_a_current_app_and_the_last_one_made_is_it() -> None:
    before = current.current_app()
    app = Celery("new")
    assert current_app.main == "new"
    assert app_or_default() is app
    assert app_or_default(before) is before
    other = Celery("other", set_as_current=False)
    assert current.current_app() is app
    other.set_default()
    assert current.current_app() is other
    with other:
        pass
    assert current.current_app() is current.default_app()


def test_an_unknown_task_is_answered_with_the_nearest_name(app: Celery) -> None:
    app.task(name="blog.tasks.rank")(lambda: None)
    with pytest.raises(NotRegistered, match=r"Did you mean 'blog\.tasks\.rank'"):
        app.tasks["blog.task.rank"]


def test_an_app_takes_broker_settings_and_task_class_at_its_making() -> None:
    class Base(Task[Any, Any]):
        mine = True

    app = Celery(
        "x", broker="memory://", set_as_current=False, task_cls=Base, changes={"task_default_queue": "q"}, include=["json"]
    )
    task = app.task(lambda: None)
    assert (app.settings.broker_url, app.settings.default_queue, app.settings.include) == ("memory://", "q", ("json",))
    assert isinstance(task, Base)
    named = Celery("y", set_as_current=False, task_cls=f"{__name__}:NamedBase")
    assert isinstance(named.task(lambda: None), NamedBase)


class NamedBase(Task[Any, Any]):
    pass


def test_the_broker_is_opened_for_its_url() -> None:
    app = Celery("x", broker="memory://", set_as_current=False)
    assert isinstance(app.broker().clone(), MemoryBroker)
    assert app.broker() is app.broker()
    app.release_thread()
    app.conf.broker_url = "reddis://localhost"
    with pytest.raises(ImproperlyConfigured, match="'reddis'"):
        app.broker()


def test_finalizing_happens_once_and_is_told(app: Celery) -> None:
    told: list[str] = []
    app.on_configure.connect(lambda sender, **_: told.append("configure"))
    app.on_after_configure.connect(lambda sender, **_: told.append("configured"))
    app.on_after_finalize.connect(lambda sender, **_: told.append("finalized"))
    app.conf.forget()
    app.finalize()
    app.finalize()
    assert told == ["configure", "configured", "finalized"]


def test_a_periodic_task_that_is_added_is_an_entry_of_the_schedule(app: Celery) -> None:
    task = app.task(name="t")(lambda n: n)
    name = app.add_periodic_task(crontab(minute=5), task.s(1), name="five past")
    entry = app.conf.beat_schedule[name]
    assert (entry["task"], entry["args"], entry["schedule"]) == ("t", [1], crontab(minute=5))


def test_a_name_that_is_not_here_yet_says_so() -> None:
    for name in ("chain", "group", "chord"):
        with pytest.raises(AttributeError, match="workflows"):
            getattr(celeriac, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = celeriac.nonsense
    assert set(celeriac.__all__) <= set(dir(celeriac))
    for name in celeriac.__all__:
        assert getattr(celeriac, name) is not None


# -- finding tasks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("found_pkg", "empty_pkg", "broken_pkg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "found_pkg" / "tasks.py").write_text("from celeriac import shared_task\n@shared_task\ndef one(): ...\n")
    (tmp_path / "found_pkg" / "jobs.py").write_text("from celeriac import shared_task\n@shared_task\ndef two(): ...\n")
    (tmp_path / "broken_pkg" / "tasks.py").write_text("import no_such_module\n")
    (tmp_path / "plain_module.py").write_text("")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("found_pkg", "empty_pkg", "broken_pkg", "plain_module"))]:
        del sys.modules[name]


def test_tasks_are_found_when_they_are_needed(app: Celery, packages: Path) -> None:
    app.autodiscover_tasks(["found_pkg", "empty_pkg", "plain_module"])
    assert app.discovers
    assert "found_pkg.tasks.one" not in app.tasks
    app.discover()
    assert "found_pkg.tasks.one" in app.tasks
    assert not app.discovers


def test_tasks_are_found_at_once_in_a_module_of_another_name_and_by_a_function(app: Celery, packages: Path) -> None:
    app.autodiscover_tasks(lambda: ["found_pkg"], related_name="jobs", force=True)
    assert "found_pkg.jobs.two" in app.tasks
    app.autodiscover_tasks("empty_pkg", related_name=None, force=True)


def test_by_default_every_installed_app_is_searched(app: Celery, packages: Path, settings: Any) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "found_pkg"]
    app.autodiscover_tasks(force=True)
    assert "found_pkg.tasks.one" in app.tasks


def test_an_error_inside_a_module_of_tasks_is_not_hidden(app: Celery, packages: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        app.autodiscover_tasks(["broken_pkg"], force=True)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        app.autodiscover_tasks(["nowhere"], force=True)


def test_an_app_config_is_known_by_its_package() -> None:
    assert package_of("django.contrib.admin.apps.AdminConfig") == "django.contrib.admin"
    assert package_of("django.contrib.admin") == "django.contrib.admin"


def test_modules_that_the_settings_name_are_imported(app: Celery, packages: Path) -> None:
    app.conf.imports = "found_pkg.jobs"
    app.discover()
    assert "found_pkg.jobs.two" in app.tasks
