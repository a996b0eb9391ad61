from __future__ import annotations

import datetime as dt
import types
from typing import Any

import pytest
from django.test import override_settings

from celeriac import current
from celeriac.app import Celery
from celeriac.conf import Reading, Settings, read_settings
from celeriac.conf.names import OLD, UNUSED, USED, canonical
from celeriac.conf.reading import Source
from celeriac.conf.settings import CHECKS
from celeriac.exceptions import ImproperlyConfigured


def read(own: Any = None, **values: Any) -> Reading:
    return read_settings([Source(values)], own)


# -- names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "field", "value", "kept"),
    [
        ("CELERY_BROKER_URL", "broker_url", "django://other", "django://other"),
        ("BROKER_URL", "broker_url", "memory://", "memory://"),
        ("broker_url", "broker_url", "memory://", "memory://"),
        ("CELERYD_CONCURRENCY", "concurrency", 4, 4),
        ("CELERY_WORKER_CONCURRENCY", "concurrency", "auto", None),
        ("CELERYD_MAX_TASKS_PER_CHILD", "max_tasks_per_child", 100, 100),
        ("CELERYD_MAX_MEMORY_PER_CHILD", "max_memory_per_child", 0, None),
        ("CELERYD_TASK_TIME_LIMIT", "time_limit", 60, 60.0),
        ("CELERYD_TASK_SOFT_TIME_LIMIT", "soft_time_limit", dt.timedelta(minutes=1), 60.0),
        ("CELERY_TASK_TIME_LIMIT", "time_limit", "90", 90.0),
        ("CELERYD_POOL", "pool", "threads", "threads"),
        ("CELERYD_HIJACK_ROOT_LOGGER", "hijack_root_logger", False, False),
        ("CELERYD_PREFETCH_MULTIPLIER", "prefetch_multiplier", 1, 1),
        ("CELERY_TASK_RESULT_EXPIRES", "result_expires", 3600, 3600.0),
        ("CELERY_RESULT_EXPIRES", "result_expires", None, None),
        ("CELERY_RESULT_BACKEND", "result_backend", "disabled", "disabled"),
        ("CELERY_ALWAYS_EAGER", "always_eager", True, True),
        ("CELERY_TASK_ALWAYS_EAGER", "always_eager", "true", True),
        ("task_always_eager", "always_eager", "0", False),
        ("CELERY_EAGER_PROPAGATES_EXCEPTIONS", "eager_propagates", True, True),
        ("CELERY_DEFAULT_QUEUE", "default_queue", "mine", "mine"),
        ("CELERY_QUEUES", "queues", ["a", types.SimpleNamespace(name="b")], ("a", "b")),
        ("CELERY_TASK_QUEUES", "queues", {"a": {"exchange": "x"}, "b": {}}, ("a", "b")),
        ("CELERY_IGNORE_RESULT", "ignore_result", True, True),
        ("CELERY_ACKS_LATE", "acks_late", True, True),
        ("CELERY_TRACK_STARTED", "track_started", True, True),
        ("CELERY_IMPORTS", "imports", ("a.tasks", "b.tasks"), ("a.tasks", "b.tasks")),
        ("CELERY_IMPORTS", "imports", "a.tasks, b.tasks", ("a.tasks", "b.tasks")),
        ("CELERYBEAT_SCHEDULE", "beat_schedule", {"x": {"task": "t"}}, {"x": {"task": "t"}}),
        ("CELERY_BEAT_SCHEDULE", "beat_schedule", {}, {}),
        ("CELERY_TIMEZONE", "timezone", "Europe/Berlin", "Europe/Berlin"),
        ("CELERY_REDIRECT_STDOUTS", "redirect_stdouts", False, False),
        ("CELERY_REDIRECT_STDOUTS_LEVEL", "redirect_stdouts_level", "info", "INFO"),
        ("CELERY_WORKER_REDIRECT_STDOUTS_LEVEL", "redirect_stdouts_level", 30, "WARNING"),
        ("CELERY_TASK_DEFAULT_PRIORITY", "default_priority", None, 0),
    ],
)
def test_a_setting_is_read_under_any_of_its_names(written: str, field: str, value: Any, kept: Any) -> None:
    reading = read(**{written: value})
    assert getattr(reading.settings, field) == kept
    assert (reading.errors, reading.warnings) == ([], [])


def test_every_name_leads_somewhere() -> None:
    assert set(USED.values()) <= set(CHECKS) == set(Settings.__struct_fields__)
    assert not set(USED) & set(UNUSED)
    for name in (*USED, *UNUSED):
        assert canonical(name) == canonical(f"CELERY_{name}".upper()) == name
    for old, new in OLD.items():
        assert canonical(old.upper()) in (new, canonical(new))


def test_a_namespace_is_taken_off() -> None:
    reading = read_settings([Source({"SHOP_TASK_TIME_LIMIT": 5, "SHOP_BROKER_URL": "memory://"}, "SHOP")])
    assert (reading.settings.time_limit, reading.settings.broker_url, reading.warnings) == (5, "memory://", [])


# -- what is wrong ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("CELERY_WORKER_CONCURRENCY", "four", "CELERY_WORKER_CONCURRENCY is 'four'; expected a whole number from 1 up."),
        ("CELERY_WORKER_CONCURRENCY", True, "expected a whole number"),
        ("CELERY_WORKER_CONCURRENCY", 2.5, "expected a whole number"),
        ("CELERY_TASK_ALWAYS_EAGER", "maybe", "expected True or False"),
        (
            "CELERY_WORKER_REDIRECT_STDOUTS_LEVEL",
            "warn1ng",
            "expected a log level such as WARNING or INFO. Did you mean 'WARNING'?",
        ),
        ("CELERY_TASK_TIME_LIMIT", -1, "expected a number of seconds"),
        ("CELERY_TASK_TIME_LIMIT", float("inf"), "expected a number of seconds"),
        ("CELERY_TASK_DEFAULT_PRIORITY", 500, "from -100 to 100"),
        ("CELERY_BROKER_URL", "", "a text that is not empty"),
        ("CELERY_WORKER_POOL", "thread", "expected one of prefork, processes, threads, solo, asyncio, eventlet, gevent."),
        ("CELERY_TIMEZONE", "Mars/Olympus", "the name of a time zone"),
        ("CELERY_IMPORTS", 5, "a list of names"),
        ("CELERY_TASK_QUEUES", [5], "queue"),
        ("CELERY_BEAT_SCHEDULE", [], "expected a dict"),
    ],
)
def test_a_value_that_cannot_be_is_an_error_with_what_is_expected(name: str, value: Any, text: str) -> None:
    reading = read(**{name: value})
    assert len(reading.errors) == 1
    assert name in reading.errors[0]
    assert text in reading.errors[0]


def test_a_hint_is_the_end_of_its_sentence() -> None:
    assert read(CELERY_WORKER_POOL="thread").errors[0].endswith(" Did you mean 'threads'?")


def test_settings_that_contradict_each_other_are_errors() -> None:
    assert "never be reached" in read(CELERY_TASK_TIME_LIMIT=5, CELERY_TASK_SOFT_TIME_LIMIT=6).errors[0]
    assert "does not outlive one missed renewal" in read(own={"LEASE": 5, "RENEW_EVERY": 3}).errors[0]
    assert read(own={"LEASE": 1, "RENEW_EVERY": 0.3}).errors == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CELERY_TASK_ALLWAYS_EAGER", "Did you mean 'CELERY_TASK_ALWAYS_EAGER'?"),
        ("CELERY_BROKER_ULR", "Did you mean 'CELERY_BROKER_URL'?"),
        ("BROKER_URLS", "Did you mean 'CELERY_BROKER_URL'?"),
        ("CELERY_MAX_PAYLOAD_BYTES", "Did you mean CELERIAC = {'MAX_PAYLOAD_BYTES': ...}?"),
        ("CELERYD_SOMETHING_ELSE_ALTOGETHER", "no effect."),
    ],
)
def test_an_unknown_name_of_celerys_is_a_warning_with_the_nearest(name: str, text: str) -> None:
    reading = read(**{name: 1})
    assert reading.errors == []
    assert reading.warnings[0].startswith(f"{name} is not a setting")
    assert text in reading.warnings[0]


def test_an_unknown_key_of_our_own_is_an_error_with_the_nearest() -> None:
    assert read(own={"LEASES": 3}).errors == ["CELERIAC has no setting 'LEASES'. Did you mean 'LEASE'?"]
    assert read(own=["LEASE"]).errors == ["CELERIAC is ['LEASE']; expected a dict."]


def test_our_own_dict_wins() -> None:
    assert read(own={"TIME_LIMIT": 7, "lease": 20}, CELERY_TASK_TIME_LIMIT=5).settings.time_limit == 7


def test_settings_of_celery_without_use_here_are_accepted_and_some_explained() -> None:
    reading = read(
        CELERY_TASK_SERIALIZER="json", CELERY_ACCEPT_CONTENT=["json"], CELERY_BROKER_TRANSPORT_OPTIONS={"x": 1},
        CELERY_REDIS_MAX_CONNECTIONS=3, CELERY_TASK_REJECT_ON_WORKER_LOST=True, CELERY_RESULT_BACKEND="mongodb://:secret@h/1",
        CELERY_BEAT_SCHEDULE={"x": {}}, CELERY_TASK_ACKS_LATE=False,
    )  # fmt: skip
    assert (reading.errors, reading.warnings) == ([], [])
    notes = "\n".join(reading.notes)
    for text in ("CELERY_TASK_REJECT_ON_WORKER_LOST is not used", "(mongodb://h/1) is not used", "at least once"):
        assert text in notes
    assert "secret" not in notes
    assert len(reading.notes) == 5


# -- app.conf --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bare() -> Celery:
    return Celery("bare", set_as_current=False, config_source={})


def test_conf_shows_celerys_names_and_ours(bare: Celery) -> None:
    bare.conf.update({"task_default_queue": "mine"}, lease=9, CELERY_ALWAYS_EAGER=True)
    assert (bare.conf.task_default_queue, bare.conf["default_queue"], bare.conf.CELERY_DEFAULT_QUEUE) == ("mine",) * 3
    assert (bare.conf.lease, bare.conf.task_always_eager, bare.conf.task_serializer) == (9, True, "json")
    assert ("task_time_limit" in bare.conf, "nothing" in bare.conf, bare.conf.get("nothing", 5)) == (True, False, 5)
    assert dict(bare.conf.items())["task_default_queue"] == "mine"
    with pytest.raises(AttributeError, match="Did you mean 'task_time_limit'"):
        _ = bare.conf.task_time_limits
    with pytest.raises(KeyError):
        _ = bare.conf["nothing"]


def test_conf_keeps_what_a_project_puts_there(bare: Celery) -> None:
    bare.conf.project_thing = {"a": 1}
    assert bare.conf.project_thing == {"a": 1}
    assert bare.conf.setdefault("project_other", 2) == bare.conf["project_other"] == 2


def test_a_change_counts_before_and_after_the_settings_are_read(bare: Celery) -> None:
    bare.conf.task_time_limit = 5
    assert bare.settings.time_limit == 5
    bare.conf.task_time_limit = 6
    assert bare.settings.time_limit == 6


def test_a_value_that_cannot_be_is_refused_when_it_is_set(bare: Celery) -> None:
    with pytest.raises(ImproperlyConfigured, match="worker_concurrency is 'x'; expected a whole number"):
        bare.conf.worker_concurrency = "x"


def test_an_override_ends_with_its_block(bare: Celery) -> None:
    bare.conf.task_default_queue = "before"
    with bare.conf.override(task_default_queue="inside", task_always_eager=True):
        assert (bare.settings.default_queue, bare.settings.always_eager) == ("inside", True)
    assert (bare.settings.default_queue, bare.settings.always_eager) == ("before", False)


def test_mistakes_are_raised_together_at_the_first_use(bare: Celery) -> None:
    bare.config_from_object({"worker_concurrency": "x", "task_always_eager": "y"})
    with pytest.raises(ImproperlyConfigured, match=r"worker_concurrency is 'x'(.|\n)*task_always_eager is 'y'"):
        _ = bare.settings
    assert len(bare.reading().errors) == 2


def test_defaults_lie_under_the_settings(bare: Celery) -> None:
    bare.add_defaults(lambda: {"task_default_queue": "default", "task_time_limit": 3})
    bare.config_from_object({"task_time_limit": 4})
    assert (bare.settings.default_queue, bare.settings.time_limit) == ("default", 4)


# -- where settings come from ----------------------------------------------------------------------------------------------


class Object:
    broker_url = "memory://"
    task_time_limit = 3
    _private = 1


class OldObject:
    BROKER_URL = "memory://"
    CELERYD_TASK_TIME_LIMIT = 3
    DEBUG = True


class Namespaced:
    CELERY_BROKER_URL = "memory://"
    CELERY_TASK_TIME_LIMIT = 3
    BROKER_URL = "not this one"


SETTINGS = Object()


@pytest.mark.parametrize(
    ("source", "namespace"),
    [
        (Object, None), (Object(), None), (OldObject, None), (Namespaced, "CELERY"), (vars(Object), None),
        ("tests.unit.test_conf:SETTINGS", None), ("tests.unit.test_conf:Namespaced", "CELERY"),
        ("tests.unit.test_conf.OldObject", None),
    ],
)  # fmt: skip
def test_settings_come_from_an_object_a_dict_or_the_name_of_one(bare: Celery, source: Any, namespace: str | None) -> None:
    bare.config_from_object(source, namespace=namespace)
    assert (bare.settings.broker_url, bare.settings.time_limit) == ("memory://", 3)
    assert bare.reading().warnings == []


def test_a_module_is_read_by_its_name(bare: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("celeryconfig_of_a_test")
    vars(module).update(broker_url="memory://", os=types, task_default_queue="m")
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    bare.config_from_object("celeryconfig_of_a_test", force=True)
    assert (bare.settings.default_queue, bare.reading().warnings) == ("m", [])
    monkeypatch.setenv("CONFIG_OF_A_TEST", "celeryconfig_of_a_test")
    bare.config_from_envvar("CONFIG_OF_A_TEST")
    assert bare.settings.default_queue == "m"
    with pytest.raises(LookupError, match="NOT_SET"):
        bare.config_from_envvar("NOT_SET")


@pytest.mark.parametrize("name", ["no.such.module", "nosuchmodule", "django.conf:nothing", "django.conf.nothing.at_all"])
def test_a_name_that_cannot_be_imported_says_so(bare: Celery, name: str) -> None:
    bare.config_from_object(name)
    with pytest.raises(ImproperlyConfigured, match=rf"config_from_object\('{name}'\)"):
        _ = bare.settings


@override_settings(CELERY_TASK_DEFAULT_QUEUE="from-django", CELERIAC={"LEASE": 30}, TIME_ZONE="Asia/Tokyo", CELERY_OOPS=1)
def test_django_settings_serve_an_app_with_and_without_a_namespace() -> None:
    plain = Celery("plain", set_as_current=False)
    named = Celery("named", set_as_current=False)
    named.config_from_object("django.conf:settings", namespace="CELERY")
    bare_names = Celery("old", set_as_current=False)
    bare_names.config_from_object("django.conf:settings")
    for app in (plain, named, bare_names):
        assert (app.settings.default_queue, app.settings.lease, app.settings.timezone) == ("from-django", 30, "Asia/Tokyo")
        assert len(app.reading().warnings) == 1


def test_a_test_may_override_djangos_settings() -> None:
    app = current.default_app()
    assert app.settings.always_eager is False
    with override_settings(CELERY_TASK_ALWAYS_EAGER=True, CELERIAC={"LEASE": 44}):
        assert (app.settings.always_eager, app.conf.lease) == (True, 44)
    assert (app.settings.always_eager, app.conf.lease) == (False, 15)


@pytest.mark.parametrize(("zone", "warned"), [("Europe/Berlin", False), ("Asia/Shanghai", True)])
def test_a_zone_that_is_not_the_one_of_djangos_pages_warns(zone: str, warned: bool) -> None:
    warnings = read_settings([Source({"CELERY_TIMEZONE": zone})], time_zone="Europe/Berlin").warnings
    said = f"is {zone} (CELERY_TIMEZONE), and Django's is Europe/Berlin (TIME_ZONE)"
    assert [said in text for text in warnings] == [True] * warned
    assert read_settings([], time_zone="Europe/Berlin").warnings == []
