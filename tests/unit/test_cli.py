"""The command line: Celery's options, answers that name what was probably meant, and how the project is found."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import celeriac
from celeriac import Celery
from celeriac.cli import parser
from celeriac.cli.main import main
from celeriac.cli.project import find_app, set_up_django, settings_of_manage_py
from celeriac.cli.worker import FLAGS, Flags, flags_of
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker import capacity
from celeriac.engine.worker.capacity import MIB, Capacity
from celeriac.worker import node_name, options_for, queues_for


def parse(*arguments: str) -> Namespace:
    return parser.parse(arguments, "celeriac")


def flags(*arguments: str) -> Flags:
    return flags_of(parse("worker", *arguments))


# -- Celery's options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("-A", "proj", "worker"), ("worker", "-A", "proj"), ("--app=proj", "worker"), ("worker", "--app", "proj")]
)
def test_the_project_is_named_before_or_after_the_command(arguments: tuple[str, ...]) -> None:
    options = parse(*arguments)
    assert (options.command, flags_of(options).app) == ("worker", "proj")


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("-l", "info"), "loglevel", "INFO"),
        (("-l", "INFO"), "loglevel", "INFO"),
        (("--loglevel=debug",), "loglevel", "DEBUG"),
        (("-c", "4"), "concurrency", 4),
        (("--concurrency=4",), "concurrency", 4),
        (("-P", "threads"), "pool", "threads"),
        (("-P", "eventlet"), "pool", "eventlet"),
        (("--pool=solo",), "pool", "solo"),
        (("-Q", "a,b"), "queues", ["a", "b"]),
        (("-Q", " a , ,b,"), "queues", ["a", "b"]),
        (("-X", "slow"), "exclude_queues", ["slow"]),
        (("-n", "w1@%h"), "hostname", "w1@%h"),
        (("--time-limit", "30"), "time_limit", 30.0),
        (("--soft-time-limit=2.5",), "soft_time_limit", 2.5),
        (("--max-tasks-per-child", "100"), "max_tasks_per_child", 100),
        (("--max-memory-per-child=200000",), "max_memory_per_child", 200_000),
        (("--log-format", "json"), "log_format", "json"),
        (("-f", "w.log"), "logfile", "w.log"),
        (("--logfile=w.log",), "logfile", "w.log"),
        (("--pidfile=w.pid",), "pidfile", "w.pid"),
        (("--pidfile", ""), "pidfile", ""),
        (("--force",), "force", True),
    ],
)
def test_an_option_of_celery_means_what_it_means_there(arguments: tuple[str, ...], name: str, value: Any) -> None:
    assert getattr(flags(*arguments), name) == value


def test_without_options_nothing_is_said() -> None:
    said = flags()
    assert said == Flags(path=said.path)
    assert said.path[0] == str(Path.cwd())


@pytest.mark.parametrize(
    "arguments",
    [("--without-gossip", "--without-mingle", "--without-heartbeat"), ("-E",), ("-O", "fair"), ("--prefetch-multiplier=4",)],
)
def test_an_option_of_celery_that_means_nothing_here_is_accepted(arguments: tuple[str, ...]) -> None:
    assert flags(*arguments) == flags()


def test_up_takes_the_options_of_a_worker_and_an_address() -> None:
    options = parse("-A", "proj", "up", "-c", "3", "--bind", "0.0.0.0:80")
    assert (options.command, options.bind, flags_of(options).concurrency, flags_of(options).app) == (
        "up",
        "0.0.0.0:80",
        3,
        "proj",
    )


def test_flags_travel_through_the_environment_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = flags("-A", "proj", "-Q", "a,b", "--time-limit", "1.5", "-n", "grüße@%h")
    monkeypatch.setenv(FLAGS, sent.to_environment()[FLAGS])
    assert Flags.from_environment() == sent


# -- answers -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("worker", "--concurency", "2"), "Did you mean '--concurrency'?"),
        (("worker", "--max-task-per-child=5"), "Did you mean '--max-tasks-per-child'?"),
        (("up", "--bnid", "x"), "Did you mean '--bind'?"),
        (("--wrkdir", "x", "worker"), "Did you mean '--workdir'?"),
        (("wroker",), "Did you mean 'worker'?"),
        (("worker", "-P", "thread"), "Did you mean 'threads'?"),
        (("worker", "-P", "evenlet"), "Did you mean 'eventlet'?"),
        (("worker", "-l", "infos"), "Did you mean 'INFO'?"),
        (("worker", "--log-format", "jsn"), "Did you mean 'json'?"),
    ],
)
def test_what_is_mistyped_is_answered_with_the_nearest_name_and_status_2(
    arguments: tuple[str, ...], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(*arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert hint in printed.err
    assert printed.err.count("Did you mean") == 1
    assert "--help" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-c", "0"), "0 is not a positive whole number"),
        (("-c", "many"), "many"),
        (("--time-limit", "-1"), "-1 is not a positive number of seconds"),
        (("--soft-time-limit", "soon"), "soon"),
        (("-P", "fork"), "prefork, threads, solo, asyncio"),
    ],
)
def test_a_value_that_cannot_be_is_answered_with_what_can_and_status_2(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("worker", *arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"celeriac {celeriac.__version__}\n"


def test_without_a_command_the_help_is_shown_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "worker" in capsys.readouterr().err


def test_the_help_of_a_worker_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("worker", "--help")
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    for option in ("--loglevel", "--concurrency", "--pool", "--queues", "--hostname", "--time-limit", "--autoreload"):
        assert option in printed


def test_the_folder_is_changed_before_anything_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path.cwd())  # so that it is put back
    assert main(["--workdir", str(tmp_path), "up"]) == 2
    assert Path.cwd() == tmp_path
    assert f"there is no manage.py in {tmp_path}" in capsys.readouterr().err


# -- finding the project -------------------------------------------------------------------------------------------------------

CELERY_PY = "from celeriac import Celery\n\napp = Celery('proj', set_as_current=False)\nother = 3\n"
MakePackage = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePackage]:
    """Make a package called proj with these files, in the current folder, from which it can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")

    def make(**files: str) -> Path:
        folder = tmp_path / "proj"
        folder.mkdir()
        for name, text in {"__init__": "", **files}.items():
            (folder / f"{name}.py").write_text(text)
        return folder

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "proj"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["proj", "proj.celery", "proj.celery:app"])
def test_the_usual_place_of_a_celery_object_is_found(package: MakePackage, name: str) -> None:
    package(celery=CELERY_PY)
    found = find_app(name)
    assert found is not None
    assert found is sys.modules["proj.celery"].app


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from proj.celery import app as celery_app", "proj"),
        ("from proj.celery import app as celery_app", "proj:celery_app"),
        ("from proj.celery import app", "proj:app"),
        ("from proj.celery import app", "proj"),
        ("from proj.celery import app as celery", "proj"),
    ],
)
def test_a_celery_object_of_the_package_itself_is_found(package: MakePackage, line: str, name: str) -> None:
    package(__init__=line, celery=CELERY_PY)
    found = find_app(name)
    assert found is not None
    assert found is sys.modules["proj.celery"].app


def test_a_celery_object_elsewhere_is_taken_as_it_is_written(package: MakePackage) -> None:
    package(queue="from celeriac import Celery\nworker_app = Celery('q', set_as_current=False)\n")
    found = find_app("proj.queue:worker_app")
    assert found is not None
    assert found.main == "q"


def test_a_django_project_needs_no_celery_object_and_its_settings_are_found(package: MakePackage) -> None:
    package(settings="SECRET_KEY = 'x'\n")
    assert find_app("proj") is None
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "proj.settings"


def test_settings_that_the_environment_names_stay(package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.production")
    package(settings="SECRET_KEY = 'x'\n")
    find_app("proj")
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "proj.production"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("proj.celery:ap", r"proj\.celery has no Celery object called 'ap'\. Did you mean 'app'\?"),
        ("proj.celery:other", r"proj\.celery has no Celery object called 'other'"),
        ("proj.clery", r"there is no module 'proj\.clery' to import"),
    ],
)
def test_a_celery_object_that_is_not_there_is_named(package: MakePackage, name: str, says: str) -> None:
    package(celery=CELERY_PY)
    with pytest.raises(ImproperlyConfigured, match=says):
        find_app(name)


def test_an_import_that_fails_inside_the_project_is_that_failure(package: MakePackage) -> None:
    package(celery="import a_package_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_package_nobody_has"):
        find_app("proj")


IN_FOLDER = (
    "from celeriac.cli.project import find_app; from celeriac.exceptions import ImproperlyConfigured\ntry: find_app('proj')\n"
)


@pytest.mark.parametrize("started_in", ["above", "inside"])
def test_the_wrong_folder_is_answered_with_the_command_that_goes_to_the_right_one(tmp_path: Path, started_in: str) -> None:
    right = tmp_path / "site"
    (right / "proj").mkdir(parents=True)
    (right / "proj" / "__init__.py").touch()
    folder = tmp_path if started_in == "above" else right / "proj"
    code = IN_FOLDER + "except ImproperlyConfigured as error: print(error)"
    source = str(Path(celeriac.__file__).parents[1])
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True,
        timeout=60, check=True,
    ).stdout  # fmt: skip
    assert printed == f"-A proj: there is no module 'proj' to import from {folder}. Go to its folder first: cd {right}\n"


def test_a_project_that_is_nowhere_near_is_to_be_looked_for(package: MakePackage, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"from .*\. Start the worker in the folder that has manage\.py\."):
        find_app("garden_of_nobody")


MANAGE_PY = """#!/usr/bin/env python
import os


def main():
    os.environ.setdefault({0}DJANGO_SETTINGS_MODULE{0}, {0}proj.settings{0})
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MANAGE_PY.format("'"), "proj.settings"),
        (MANAGE_PY.format('"'), "proj.settings"),
        ("import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'proj.production'\n", "proj.production"),
        ("# DJANGO_SETTINGS_MODULE is set by the shell\n" + MANAGE_PY.format("'"), "proj.settings"),
        ("print('not a project')\n", None),
    ],
)
def test_the_settings_are_those_that_manage_py_names(
    package: MakePackage, tmp_path: Path, text: str, found: str | None
) -> None:
    (tmp_path / "manage.py").write_text(text)
    assert settings_of_manage_py(Path("manage.py")) == found


def test_without_any_settings_the_answer_says_what_to_do(package: MakePackage) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"No Django settings: .*cd <project> && celeriac -A <project> worker"):
        set_up_django()


# -- what the worker is told ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "celeriac@kiwi.farm.example"),
        ("w1", "w1@kiwi.farm.example"),
        ("w1@%h", "w1@kiwi.farm.example"),
        ("w1@%n", "w1@kiwi"),
        ("%n@%d", "kiwi@farm.example"),
        ("w1@elsewhere", "w1@elsewhere"),
    ],
)
def test_a_workers_name_has_a_host(monkeypatch: pytest.MonkeyPatch, given: str | None, name: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "kiwi.farm.example")
    assert node_name(given) == name


@pytest.fixture
def shop() -> Iterator[Celery]:
    """An app whose settings, routes and tasks name queues."""
    app = Celery("shop", broker="memory://", set_as_current=False)
    app.conf.update(
        task_default_queue="main",
        task_queues=["urgent"],
        task_routes={"shop.mail.*": {"queue": "mail"}, "shop.report": "reports", "shop.x": {"priority": 3}},
    )
    app.task(name="shop.pack", queue="packing")(lambda: None)
    app.task(name="shop.count", queue="main")(lambda: None)
    app.finalize()
    yield app
    app.close()


DECLARED = ["main", "urgent", "packing", "mail", "reports"]


@pytest.mark.parametrize(
    ("arguments", "queues"),
    [
        ((), DECLARED),
        (("-Q", "mail,main"), ["mail", "main"]),
        (("-X", "mail,urgent"), ["main", "packing", "reports"]),
        (("-Q", "mail,main", "-X", "mail"), ["main"]),
        (("-Q", "made at run time"), ["made at run time"]),
    ],
)
def test_a_worker_serves_the_queues_it_is_told_or_all_that_the_project_names(
    shop: Celery, caplog: pytest.LogCaptureFixture, arguments: tuple[str, ...], queues: list[str]
) -> None:
    assert queues_for(shop, shop.settings, flags(*arguments)) == queues
    assert caplog.text == ""


def test_a_queue_that_nobody_names_is_answered_with_the_nearest(shop: Celery, caplog: pytest.LogCaptureFixture) -> None:
    assert queues_for(shop, shop.settings, flags("-Q", "mial")) == ["mial"]
    assert "-Q mial: no task and no setting names this queue. Did you mean 'mail'?" in caplog.text


def told(shop: Celery, *arguments: str) -> WorkerOptions:
    return options_for(shop, shop.settings, flags(*arguments))


def test_the_command_line_is_over_the_settings_and_they_over_the_defaults(shop: Celery) -> None:
    assert (told(shop).pool, told(shop).max_tasks_per_child) == ("prefork", None)
    shop.conf.update(worker_pool="threads", worker_concurrency=7, worker_max_tasks_per_child=50)
    by_settings = told(shop)
    assert (by_settings.pool, by_settings.concurrency, by_settings.max_tasks_per_child) == ("threads", 7, 50)
    by_hand = told(shop, "-P", "prefork", "-c", "3", "--max-tasks-per-child", "9", "--max-memory-per-child", "1000")
    assert (by_hand.pool, by_hand.concurrency, by_hand.max_tasks_per_child) == ("prefork", 3, 9)
    assert by_hand.max_memory_per_child == 1000


@pytest.mark.parametrize(("asked", "pool"), [("eventlet", "asyncio"), ("gevent", "asyncio"), ("processes", "prefork")])
def test_a_pool_of_celery_that_is_not_here_is_served_by_the_nearest_and_says_so(
    shop: Celery, caplog: pytest.LogCaptureFixture, asked: str, pool: str
) -> None:
    assert told(shop, "-P", asked).pool == pool
    assert f"--pool {asked}: Celeriac runs such tasks in its {pool} pool." in caplog.text


SMALL = Capacity(cpus=4, free=1000 * MIB, child=200 * MIB)
"""A machine whose memory holds five children, and two in half of it."""


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "measure", lambda: SMALL)


@pytest.mark.usefixtures("small_machine")
def test_unless_told_a_worker_has_as_many_children_as_the_machine_bears(shop: Celery) -> None:
    assert told(shop).concurrency == 2
    assert told(shop, "-P", "threads").concurrency == capacity.usable_cpus()


@pytest.mark.usefixtures("small_machine")
def test_children_that_do_not_fit_are_refused_unless_forced(shop: Celery) -> None:
    assert told(shop, "-c", "5").concurrency == 5
    with pytest.raises(ImproperlyConfigured, match=r"-c 6 needs about 1,200 MiB .* 1,000 MiB are free, enough for -c 5\."):
        told(shop, "-c", "6")
    assert told(shop, "-c", "6", "--force").concurrency == 6
    assert told(shop, "-c", "600", "-P", "threads").concurrency == 600


@pytest.mark.usefixtures("small_machine")
def test_a_setting_that_does_not_fit_is_warned_of(shop: Celery, caplog: pytest.LogCaptureFixture) -> None:
    shop.conf.update(worker_concurrency=6)
    assert told(shop).concurrency == 6
    assert "CELERY_WORKER_CONCURRENCY is 6. -c 6 needs about 1,200 MiB" in caplog.text
    caplog.clear()
    assert told(shop, "--force").concurrency == 6
    assert caplog.text == ""


def test_while_its_children_run_a_worker_is_not_measured_again(shop: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "measure", lambda: Capacity(cpus=4, free=0, child=200 * MIB))
    for arguments, children in (((), 3), (("-c", "3"), 3)):
        running = msgspec.structs.replace(flags(*arguments), running=3)
        assert options_for(shop, shop.settings, running).concurrency == children
    shop.conf.update(worker_concurrency=5)
    assert options_for(shop, shop.settings, msgspec.structs.replace(flags(), running=3)).concurrency == 5


@pytest.mark.parametrize("command", ["worker", "up"])
@pytest.mark.parametrize("option", ["-D", "--detach"])
def test_detaching_is_answered_with_what_does_it_better_and_status_2(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(command, option)
    printed = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"celeriac {command} does not detach itself" in printed
    assert "systemd" in printed
    assert "Did you mean" not in printed


@pytest.mark.parametrize(
    ("hostname", "pattern", "path"),
    [
        ("mail@box.example.org", "/log/%n@%h-%d.log", "/log/mail@box.example.org-example.org.log"),
        ("mail@box.example.org", "%p.pid", "mail@box.example.org.pid"),
        ("mail@box", "/log/%n%I-%i.log", "/log/mail-0.log"),
    ],
)
def test_the_names_of_files_are_made_of_the_workers(hostname: str, pattern: str, path: str) -> None:
    given = flags("-n", hostname, "-f", pattern, "--pidfile", pattern)
    assert given.log_file == given.pid_file == Path(path)


def test_without_files_there_are_none() -> None:
    assert (flags().log_file, flags().pid_file) == (None, None)
    assert (flags("-f", "").log_file, flags("--pidfile", "").pid_file) == (None, None)


def test_solo_is_one_job_at_a_time(shop: Celery) -> None:
    assert told(shop, "-P", "solo", "-c", "8").concurrency == 1


def test_limits_of_the_command_line_hold_for_tasks_that_have_none(shop: Celery) -> None:
    told(shop, "--time-limit", "30", "--soft-time-limit", "20")
    assert (shop.tasks["shop.pack"].time_limit, shop.tasks["shop.pack"].soft_time_limit) == (30, 20)


def test_the_worker_knows_the_names_of_the_projects_tasks(shop: Celery) -> None:
    names = told(shop).tasks  # beside them what other tests have declared by shared_task, which belongs to every app
    assert {"shop.count", "shop.pack"} <= set(names)
    assert names == sorted(names)


def test_how_long_ended_jobs_are_kept_is_told_by_state(shop: Celery) -> None:
    assert told(shop).keep == {"succeeded": 86_400, "failed": 14 * 86_400, "cancelled": 14 * 86_400, "expired": 14 * 86_400}
    shop.conf.update(result_expires=None)
    assert "succeeded" not in told(shop).keep
