"""Every setting of Celery 5.7, and the names that Celery 3 had for them: obeyed, explained in one line, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.conf import Reading, read_settings
from celeriac.conf.names import GONE, UNUSED, USED, canonical
from celeriac.conf.reading import Source, source_of
from celeriac.conf.serializers import SETTINGS as SERIALIZERS
from celeriac.engine.brokers.factory import SCHEMES
from celeriac.exceptions import ImproperlyConfigured

GROUPS = {
    "": """
        accept_content enable_utc imports include timezone
    """,
    "arangodb_": """
        backend_settings
    """,
    "azureblockblob_": """
        base_path connection_timeout container_name read_timeout retry_increment_base retry_initial_backoff_sec
        retry_max_attempts
    """,
    "beat_": """
        cron_starting_deadline enable_remote_control max_loop_interval remote_control_max_tick_age schedule
        schedule_filename scheduler sync_every
    """,
    "broker_": """
        channel_error_retry connection_max_retries connection_retry connection_retry_on_startup connection_timeout
        failover_strategy heartbeat heartbeat_checkrate host login_method native_delayed_delivery_queue_type password
        pool_acquire_timeout pool_limit port read_url transport transport_options url use_ssl user vhost write_url
    """,
    "cache_": """
        backend backend_options
    """,
    "cassandra_": """
        auth_kwargs auth_provider bundle_path entry_ttl keyspace options port read_consistency servers table
        write_consistency
    """,
    "control_": """
        exchange queue_durable queue_exclusive queue_expires queue_ttl
    """,
    "cosmosdbsql_": """
        collection_name consistency_level database_name max_retry_attempts max_retry_wait_time
    """,
    "couchbase_": """
        backend_settings
    """,
    "database_": """
        create_tables_at_setup engine_callback engine_options short_lived_sessions table_names table_schemas url
    """,
    "elasticsearch_": """
        max_retries retry_on_timeout save_meta_as_text timeout
    """,
    "event_": """
        exchange queue_durable queue_exclusive queue_expires queue_prefix queue_ttl serializer
    """,
    "gcs_": """
        base_path bucket project ttl
    """,
    "mongodb_": """
        backend_settings
    """,
    "redis_": """
        backend_use_ssl db host max_connections password port retry_on_timeout socket_connect_timeout socket_keepalive
        socket_timeout username
    """,
    "result_": """
        accept_content backend backend_always_retry backend_base_sleep_between_retries_ms backend_max_retries
        backend_max_sleep_between_retries_ms backend_transport_options cache_max chord_expires chord_join_timeout
        chord_retry_interval compression exchange exchange_type expires extended failure_expires persistent serializer
    """,
    "s3_": """
        access_key_id base_path bucket endpoint_url region secret_access_key
    """,
    "security_": """
        cert_store certificate digest key key_password
    """,
    "task_": """
        acks_late acks_on_failure acks_on_failure_or_timeout acks_on_timeout allow_error_cb_on_chord_header always_eager
        annotations compression create_missing_queue_exchange_type create_missing_queue_type create_missing_queues
        default_delivery_mode default_exchange default_exchange_type default_priority default_queue default_queue_type
        default_rate_limit default_routing_key eager_propagates ignore_result inherit_parent_priority protocol
        publish_retry publish_retry_policy queue_max_priority queues reject_on_worker_lost remote_tracebacks
        repr_maxlevels retry_on_worker_lost routes send_sent_event serializer soft_time_limit store_eager_result
        store_errors_even_if_ignored time_limit track_started
    """,
    "worker_": """
        agent autoscaler cancel_long_running_tasks_on_connection_loss concurrency consumer deduplicate_successful_tasks
        detect_quorum_queues direct disable_prefetch disable_rate_limits enable_prefetch_count_reduction
        enable_remote_control enable_soft_shutdown_on_idle eta_task_limit hijack_root_logger log_color log_datefmt
        log_format lost_wait max_memory_per_child max_tasks_per_child pool pool_putlocks pool_restarts pool_start_method
        prefetch_multiplier proc_alive_timeout redirect_stdouts redirect_stdouts_level send_task_events
        soft_shutdown_timeout state_db task_log_datefmt task_log_format timer timer_precision
    """,
}
NAMES = [f"{prefix}{name}" for prefix, names in GROUPS.items() for name in names.split()]

OLD = {
    "CELERYD_TASK_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_TASK_TIME_LIMIT": "task_time_limit",
    "CELERYD_TIME_LIMIT": "task_time_limit",
    "CELERYD_WORKER_LOST_WAIT": "worker_lost_wait",
    "CELERY_AMQP_TASK_RESULT_EXPIRES": "result_expires",
    "CELERY_DISABLE_RATE_LIMITS": "worker_disable_rate_limits",
    "CELERY_EAGER_PROPAGATES_EXCEPTIONS": "task_eager_propagates",
    "CELERY_ENABLE_REMOTE_CONTROL": "worker_enable_remote_control",
    "CELERY_MAX_CACHED_RESULTS": "result_cache_max",
    "CELERY_MESSAGE_COMPRESSION": "task_compression",
    "CELERY_REDIRECT_STDOUTS": "worker_redirect_stdouts",
    "CELERY_REDIRECT_STDOUTS_LEVEL": "worker_redirect_stdouts_level",
    "CELERY_RESULT_DBURI": "database_url",
    "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS": "database_short_lived_sessions",
    "CELERY_RESULT_DB_TABLENAMES": "database_table_names",
    "CELERY_RESULT_ENGINE_OPTIONS": "database_engine_options",
    "CELERY_SEND_EVENTS": "worker_send_task_events",
    "CELERY_SEND_TASK_SENT_EVENT": "task_send_sent_event",
    "CELERY_TASK_RESULT_EXPIRES": "result_expires",
    "BROKER_URL": "broker_url",
    "BROKER_HOST": "broker_host",
    "CELERY_CONCURRENCY": "worker_concurrency",
    "CELERY_MAX_TASKS_PER_CHILD": "worker_max_tasks_per_child",
}
"""What follows no rule, and what Celery itself does not know but tutorials have."""

REPLACED = {"worker_": "CELERYD_", "beat_": "CELERYBEAT_", "task_": "CELERY_"}
"""What names began with before Celery 4."""


def read(namespace: str | None = None, **values: Any) -> Reading:
    return read_settings([Source(values, namespace)])


@pytest.fixture
def app() -> Any:
    with Celery("settings", set_as_current=False) as app:
        yield app


# -- names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_known_in_every_spelling_with_and_without_namespace(name: str) -> None:
    upper = name.upper()
    spellings = {name: None, f"CELERY_{upper}": None, f"SHOP_{upper}": "SHOP"}
    for prefix, replaced in REPLACED.items():
        if name.startswith(prefix):
            spellings[replaced + upper.removeprefix(prefix.upper())] = None
    for spelling, namespace in spellings.items():
        assert canonical(spelling, namespace) == name
        assert canonical(spelling, namespace or "CELERY") == name


@pytest.mark.parametrize(("old", "name"), OLD.items())
def test_old_names_that_follow_no_rule_are_known(old: str, name: str) -> None:
    assert canonical(old) == canonical(old, "CELERY") == name


# -- what becomes of each --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if name not in USED])
def test_a_setting_that_is_not_obeyed_is_explained_in_one_line(name: str) -> None:
    written = f"CELERY_{name}".upper()
    reading = read(**{written: "something else"})
    assert (reading.errors, reading.warnings) == ([], [])
    [note] = reading.notes
    assert note.startswith(f"{written} is not used: ")
    assert note.endswith(".")


@pytest.mark.parametrize("name", sorted(GONE))
def test_a_setting_that_celery_has_no_more_is_explained_in_one_line(name: str) -> None:
    [note] = read(**{name.upper(): True}).notes
    assert note.startswith(f"{name.upper()} is not used: ")


@pytest.mark.parametrize("name", sorted(UNUSED))
def test_a_setting_that_says_what_holds_anyway_is_passed_over_in_silence(name: str) -> None:
    reading = read(**{f"CELERY_{name}".upper(): UNUSED[name].default})
    assert (reading.errors, reading.warnings, reading.notes) == ([], [], [])


def test_settings_without_effect_for_the_same_reason_share_a_line() -> None:
    [note] = read(CELERY_BROKER_POOL_LIMIT=5, CELERY_BROKER_HEARTBEAT=10).notes
    assert note.startswith("CELERY_BROKER_POOL_LIMIT, CELERY_BROKER_HEARTBEAT are not used: the broker's URL")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("CELERYD_FORCE_EXECV", True, "forked from a process without threads"),
        ("CELERY_DISABLE_RATE_LIMITS", True, "nothing to turn off"),
        ("CELERY_ENABLE_UTC", False, "times are always kept in UTC"),
        ("CELERY_BEAT_SCHEDULER", "django_celery_beat.schedulers:DatabaseScheduler", "a table of the project's database"),
        ("CELERYBEAT_SCHEDULER", "djcelery.schedulers.DatabaseScheduler", "a table of the project's database"),
        ("CELERY_SEND_TASK_ERROR_EMAILS", True, "task_failure"),
        ("CELERYMON_LOG_LEVEL", "INFO", "no events are sent"),
        ("CELERY_BROKER_TRANSPORT_OPTIONS", {"visibility_timeout": 3600}, "the broker's URL says"),
    ],
)
def test_the_line_says_why(name: str, value: Any, why: str) -> None:
    [note] = read(**{name: value}).notes
    assert why in note


def test_the_projects_own_settings_are_not_spoken_of() -> None:
    found = source_of(SimpleNamespace(REDIS_HOST="h", DATABASE_URL="postgres://", SECURITY_DIGEST="x", S3_BUCKET="b"))
    assert read_settings([found]).notes == []


# -- namespaces ------------------------------------------------------------------------------------------------------------


def test_old_names_beside_a_namespace_are_obeyed() -> None:
    written = {
        "BROKER_URL": "memory://",
        "CELERYD_TASK_TIME_LIMIT": 9,
        "CELERY_CONCURRENCY": 3,
        "CELERYBEAT_SCHEDULE": {"x": {}},
    }
    reading = read_settings([source_of(SimpleNamespace(**written), "CELERY")])
    settings = reading.settings
    assert (settings.broker_url, settings.time_limit, settings.concurrency) == ("memory://", 9, 3)
    assert (settings.beat_schedule, reading.warnings) == ({"x": {}}, [])


@pytest.mark.parametrize("namespace", [None, "CELERY"])
def test_todays_name_holds_over_an_old_one_and_that_is_said(namespace: str | None) -> None:
    reading = read(
        namespace, CELERY_WORKER_CONCURRENCY=8, CELERYD_CONCURRENCY=4, CELERY_RESULT_EXPIRES=1, CELERY_TASK_RESULT_EXPIRES=2
    )
    assert (reading.settings.concurrency, reading.settings.result_expires) == (8, 1)
    assert sorted(reading.notes) == [
        "CELERYD_CONCURRENCY is not used: CELERY_WORKER_CONCURRENCY sets the same, and holds.",
        "CELERY_TASK_RESULT_EXPIRES is not used: CELERY_RESULT_EXPIRES sets the same, and holds.",
    ]
    assert read(namespace, CELERY_WORKER_CONCURRENCY=8, CELERYD_CONCURRENCY=8).notes == []


# -- serializers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SERIALIZERS))
@pytest.mark.parametrize("value", ["json", "application/json", ["json"], ("application/json",), {"JSON", "application/json"}])
def test_json_is_known_by_its_name_and_its_mime_type(name: str, value: Any) -> None:
    reading = read(**{f"CELERY_{name}".upper(): value})
    assert (reading.errors, reading.notes) == ([], [])


@pytest.mark.parametrize("name", sorted(SERIALIZERS))
@pytest.mark.parametrize("value", ["pickle", ["pickle"], {"application/x-python-serialize", "yaml"}])
def test_pickle_alone_is_refused_with_what_to_do(name: str, value: Any, app: Celery) -> None:
    [error] = read(**{f"CELERY_{name}".upper(): value}).errors
    assert "Celeriac reads no pickle" in error
    assert "pass the primary key" in error
    with pytest.raises(ImproperlyConfigured, match="reads no pickle"):
        app.conf[name] = value


@pytest.mark.parametrize("value", [["pickle", "json"], ["json", "msgpack"], ["yaml"]])
def test_what_is_accepted_besides_json_is_explained(value: list[str]) -> None:
    reading = read(CELERY_ACCEPT_CONTENT=value)
    assert reading.errors == []
    assert reading.notes == ["CELERY_ACCEPT_CONTENT is not used: arguments and results are JSON."]


# -- brokers ---------------------------------------------------------------------------------------------------------------


ELSEWHERE = [
    ("redis://:secret@cache:6379/0", "redis://cache:6379/0"),
    ("amqp://guest:secret@localhost:5672//", "amqp://localhost:5672//"),
    ("sentinel://a:26379;sentinel://b:26379", "sentinel://a:26379;sentinel://b:26379"),
    ("redis+socket:///tmp/redis.sock", "redis+socket:///tmp/redis.sock"),
    (["amqp://one//", "amqp://two//"], "amqp://one//"),
    ("sqs://", "sqs://"),
]
"""Brokers of Celery, and how each is shown. Some may have come to Celeriac since."""


@pytest.mark.parametrize(("url", "shown"), [pair for pair in ELSEWHERE if pair[1].partition(":")[0] not in SCHEMES])
def test_a_broker_that_is_not_in_this_version_is_the_projects_database_and_that_is_said(
    url: Any, shown: str, app: Celery
) -> None:
    note = f"({shown}) is not used: this version keeps jobs in the project's database, django://default."
    reading = read(BROKER_URL=url)
    assert (reading.settings.broker_url, reading.errors) == ("django://default", [])
    assert reading.notes == [f"BROKER_URL {note}"]
    app.conf.broker_url = url
    assert app.settings.broker_url == "django://default"
    assert f"broker_url {note}" in app.reading().notes


def test_of_several_brokers_of_ours_the_first_is_used_and_that_is_said() -> None:
    for several in ("redis://:secret@one/0;redis://two/0", ["redis://:secret@one/0", "redis://two/0"]):
        reading = read(CELERY_BROKER_URL=several)
        assert reading.settings.broker_url == "redis://:secret@one/0"
        assert reading.notes == ["CELERY_BROKER_URL: of several brokers only the first is used, redis://one/0."]


def test_sentinels_learn_the_name_of_their_master_from_celerys_transport_options() -> None:
    url = "sentinel://a:26379;sentinel://b:26379/0"
    reading = read(CELERY_BROKER_URL=url, CELERY_BROKER_TRANSPORT_OPTIONS={"master_name": "jobs"})
    assert reading.settings.broker_url == f"{url}?sentinel_master=jobs"
    named = f"{url}?sentinel_master=other"
    reading = read(CELERY_BROKER_URL=named, CELERY_BROKER_TRANSPORT_OPTIONS={"master_name": "jobs"})
    assert reading.settings.broker_url == named


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (None, "django://default"), ("django://", "django://"), ("memory://", "memory://"), ("redis://h/1", "redis://h/1"),
        ("redis+socket:///tmp/redis.sock", "redis+socket:///tmp/redis.sock"),
    ],
)  # fmt: skip
def test_a_broker_of_ours_is_taken_as_it_is(url: str | None, kept: str) -> None:
    reading = read(CELERY_BROKER_URL=url)
    assert (reading.settings.broker_url, reading.notes, reading.errors) == (kept, [], [])
