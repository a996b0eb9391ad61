"""Programs written for Celery, run in processes of their own: what is installed there stays there."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from celeriac.compat.modules import MODULES, WHOLE

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "import celeriac\nceleriac.install_as_celery()\n"


def run(program: str, install: bool = True) -> str:
    """Run a program; return what it printed. Raises with its error where it fails."""
    source = (INSTALL if install else "") + textwrap.dedent(program)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_program_written_for_celery_runs_unedited() -> None:
    program = """
        from celery import Celery, shared_task, current_app, current_task, Task, signature
        from celery.result import AsyncResult, EagerResult, allow_join_result
        from celery.exceptions import Retry, MaxRetriesExceededError, SoftTimeLimitExceeded, Ignore
        from celery.utils.log import get_task_logger
        from celery.schedules import crontab, schedule
        from celery.signals import task_prerun, setup_logging
        from celery.canvas import Signature
        from celery import states
        from celery._state import get_current_task
        from celery.app import app_or_default
        import celery, celery.result

        logger = get_task_logger(__name__)
        app = Celery("shop", broker="memory://")
        app.conf.update(task_always_eager=True, beat_schedule={"x": {"task": "shop.add", "schedule": crontab(minute=0)}})
        seen = []
        task_prerun.connect(lambda task_id, task, **kw: seen.append(task.name), weak=False)

        @app.task(bind=True, max_retries=2)
        def add(self, x, y):
            assert get_current_task().name == self.name == current_task.name
            try:
                return x / y
            except ZeroDivisionError as exc:
                raise self.retry(exc=exc, countdown=1)

        assert add.name == "shop.add" and isinstance(add, Task)
        result = add.delay(6, 3)
        assert isinstance(result, EagerResult) and result.get() == 2 and result.state == states.SUCCESS
        assert isinstance(add.s(1), Signature) and add.s(1)(2) == 2
        assert add.delay(1, 0).state == states.FAILURE
        assert current_app.main == celery.current_app.main == app_or_default().main == "shop"
        print(celery.VERSION >= (5, 7), seen == ["shop.add"] * 4, celery.result.AsyncResult is celeriac.AsyncResult)
    """
    assert run(program) == "True True True"


def test_names_of_celery_3_resolve() -> None:
    program = """
        from celery.decorators import task, periodic_task
        from celery.task import Task, task as same, periodic_task as also
        from celery.registry import tasks
        from celery.task.schedules import crontab
        from celery import task as decorator
        from datetime import timedelta

        @decorator()
        def with_brackets(): ...

        @decorator
        def bare(): ...

        assert isinstance(bare, Task) and isinstance(with_brackets, Task) and crontab(minute=0).minute == {0}

        @task(name="old")
        def old(x):
            return x

        @periodic_task(run_every=timedelta(seconds=30), name="beat")
        def beat(): ...

        print(old(3), "old" in tasks, tasks["beat"] is beat, celeriac.current_app.conf.beat_schedule["beat"]["schedule"])
    """
    assert run(program) == "3 True True 0:00:30"


def test_every_name_of_every_module_is_there() -> None:
    program = f"""
        import importlib
        for module in {sorted(MODULES)!r}:
            found = importlib.import_module(module)
            for name in found.__all__:
                getattr(found, name)
                assert name in dir(found), (module, name)
        print("all")
    """
    assert run(program) == "all"


@pytest.mark.parametrize(("module", "ours"), sorted(WHOLE.items()))
def test_a_whole_module_holds_the_same_objects(module: str, ours: str) -> None:
    program = f"""
        import importlib
        theirs, ours = importlib.import_module({module!r}), importlib.import_module({ours!r})
        names = [name for name in vars(ours) if name[0].isalpha()]
        print(all(getattr(theirs, name) is getattr(ours, name) for name in names), len(names) > 5)
    """
    assert run(program) == "True True"


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("import celery.bin", "has no celery.bin"),
        ("from celery.worker.request import Request", "has no celery.worker"),
        ("import celery.results", "Did you mean 'celery.result'?"),
        ("from celery import chain", "cannot import name 'chain'"),
        ("import celery; celery.chord", "belongs to workflows"),
        ("from celery.exceptions import Nonsense", "cannot import name 'Nonsense'"),
    ],
)
def test_what_is_not_here_is_an_error_that_says_so(statement: str, text: str) -> None:
    program = f"""
        try:
            exec({statement!r})
        except (ImportError, AttributeError) as error:
            print(error)
    """
    assert text in run(program)


def test_the_names_of_beat_can_be_imported_and_subclassed_and_a_scheduler_says_that_it_cannot_run() -> None:
    program = """
        from celery.beat import BeatLazyFunc, PersistentScheduler, ScheduleEntry, Scheduler
        entry = ScheduleEntry("hourly", "shop.count", schedule=30, args=(1,), kwargs={"a": 2})
        assert (entry.name, entry.task, entry.schedule.seconds) == ("hourly", "shop.count", 30.0)
        assert (entry.args, entry.kwargs, entry.total_run_count) == ((1,), {"a": 2}, 0)
        assert BeatLazyFunc(max, 3, 4)() == 4

        class Mine(PersistentScheduler):
            Entry = ScheduleEntry

        try:
            Mine(app=None)
        except NotImplementedError as error:
            print(error)
    """
    assert run(program).startswith("Mine cannot run: Celeriac has no schedulers to replace.")


def test_installing_twice_does_nothing() -> None:
    program = """
        import sys
        before = len(sys.meta_path)
        celeriac.install_as_celery()
        import celery
        celeriac.install_as_celery()
        print(celery.__version__, len(sys.meta_path) - before)
    """
    assert run(program) == "5.7.0 0"


def test_queues_are_declared_with_kombus_words_where_there_is_no_kombu() -> None:
    program = """
        from kombu import Exchange, Queue
        from kombu.exceptions import OperationalError
        app = celeriac.Celery("x", broker="memory://")
        app.conf.task_queues = (Queue("mail", Exchange("mail"), routing_key="mail.#", queue_arguments={}), Queue("slow"))
        print(app.settings.queues, OperationalError is __import__("celeriac.exceptions").exceptions.OperationalError)
    """
    assert run(program) == "('mail', 'slow') True"


def test_the_real_kombu_comes_first(tmp_path: Path) -> None:
    (tmp_path / "kombu.py").write_text("Queue = 'the real one'")
    assert run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import kombu; print(kombu.Queue)") == "the real one"


def test_the_real_celery_is_not_pushed_aside(tmp_path: Path) -> None:
    (tmp_path / "celery").mkdir()
    (tmp_path / "celery" / "__init__.py").write_text("")
    program = f"""
        import celeriac.exceptions, sys
        sys.path.insert(0, {str(tmp_path)!r})
        import celery, celeriac
        try:
            celeriac.install_as_celery()
        except celeriac.exceptions.ImproperlyConfigured as error:
            print(error)
    """
    assert "celery was imported already, from" in run(program, install=False)


def test_importing_celeriac_is_light_and_needs_no_settings() -> None:
    program = """
        import sys
        import celeriac
        light = "django" not in sys.modules and "msgspec" not in sys.modules
        from celeriac import Celery, shared_task, AsyncResult, progress, install_as_celery
        orm = [name for name in sys.modules if name.startswith("django.db")]
        print(light, orm)
    """
    assert run(program, install=False) == "True []"


def test_a_task_can_be_declared_and_called_without_any_settings() -> None:
    program = """
        from celeriac import shared_task
        @shared_task
        def add(a, b): return a + b
        print(add(1, 2), add.name, add.apply((1, 2)).get())
    """
    assert run(program, install=False) == "3 __main__.add 3"


# -- Django's apps ------------------------------------------------------------------------------------------------------------

DJANGO = """
    import django, sys
    from django.apps import apps
    from django.conf import settings

    def load(*installed):
        settings.configure(INSTALLED_APPS=list(installed))
        django.setup()
        return [config.name for config in apps.get_app_configs()]
"""


@pytest.mark.parametrize(
    ("installed", "loaded"),
    [
        (["django.contrib.contenttypes"], ["django.contrib.contenttypes", "celeriac"]),
        (["celeriac", "django.contrib.contenttypes"], ["celeriac", "django.contrib.contenttypes"]),
        (["celeriac.apps.CeleriacConfig"], ["celeriac"]),
        (["celery", "djkombu", "djcelery"], ["celery", "djkombu", "djcelery", "celeriac"]),
    ],
)
def test_the_app_is_loaded_once_whether_or_not_it_is_installed(installed: list[str], loaded: list[str]) -> None:
    assert run(f"{DJANGO}\n    print(load(*{installed!r}) == {loaded!r})") == "True"


def test_a_call_that_comes_too_late_for_the_app_says_where_to_put_it(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "__init__.py").write_text(INSTALL)
    program = f"""{DJANGO}
    from celeriac.exceptions import ImproperlyConfigured
    sys.path.insert(0, {str(tmp_path)!r})
    try:
        load("late")
    except ImproperlyConfigured as error:
        print(error)
    """
    assert "Call it in the __init__.py of the package that holds the settings" in run(program, install=False)
    assert (
        run(f"{DJANGO}\n    sys.path.insert(0, {str(tmp_path)!r})\n    print(load('celeriac', 'late')[1])", install=False)
        == "late"
    )


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("django_celery_beat", "django_celery_beat"),
        ("django_celery_beat.apps.BeatConfig", "django_celery_beat"),
        ("django_celery_results", "django_celery_results"),
        ("django_celery_results.apps.CeleryResultConfig", "django_celery_results"),
        ("kombu.transport.django", "kombu.transport.django"),
    ],
)
def test_an_installed_companion_is_left_aside(entry: str, name: str, tmp_path: Path) -> None:
    package = tmp_path.joinpath(*name.split("."))
    package.mkdir(parents=True)
    for folder in (package, *package.parents):
        if folder == tmp_path:
            break
        (folder / "__init__.py").write_text("")
    for module in ("models.py", "apps.py", "admin.py", "tasks.py"):
        (package / module).write_text("raise RuntimeError('the real one was imported')")
    program = f"""{DJANGO}
    sys.path.insert(0, {str(tmp_path)!r})
    assert load({entry!r}) == [{name!r}, "celeriac"]
    celeriac.current_app.autodiscover_tasks(lambda: settings.INSTALLED_APPS, force=True)
    print(list(apps.get_app_config({name.rpartition(".")[2]!r}).get_models()))
    """
    assert run(program) == "[]"


def test_djcelerys_loader_is_set_up_while_the_settings_are_read() -> None:
    assert run("import djcelery; djcelery.setup_loader(); print('django.db' in __import__('sys').modules)") == "False"


def test_the_installed_celerys_own_command_is_answered_with_ours(tmp_path: Path) -> None:
    for name in ("celery", "proj"):
        (tmp_path / name).mkdir()
    (tmp_path / "celery" / "__init__.py").write_text("")
    (tmp_path / "celery" / "__main__.py").write_text("import proj")
    (tmp_path / "proj" / "__init__.py").write_text(INSTALL)
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "proj", "worker"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False, env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "celery was imported already, from" in ended.stderr
    assert ended.stderr.rstrip().endswith("start Celeriac's: celeriac -A <project> worker")
