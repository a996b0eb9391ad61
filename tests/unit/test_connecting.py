"""What Celery's settings say of a connection beside the URL: taken into the URL where its server knows such a thing."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.conf import Reading, read_settings
from celeriac.conf.reading import Source
from celeriac.outbox import address


def read(**values: Any) -> Reading:
    return read_settings([Source(values)])


RABBIT, REDIS = "amqp://me:pass@mq/shop", "redis://:pass@cache:6379/1"


@pytest.mark.parametrize(
    ("url", "asked", "becomes"),
    [
        (RABBIT, True, "amqps://me:pass@mq/shop"),
        (RABBIT, False, RABBIT),
        (RABBIT, None, RABBIT),
        ("pyamqp://mq//", {"ca_certs": "/ca.pem"}, "amqps://mq//?ssl_ca_certs=%2Fca.pem"),
        (RABBIT, {"cert_reqs": ssl.CERT_NONE}, "amqps://me:pass@mq/shop?ssl_cert_reqs=none"),
        (RABBIT, {"cert_reqs": None}, "amqps://me:pass@mq/shop"),
        ("amqps://mq//?ssl_cert_reqs=required", {"cert_reqs": 0}, "amqps://mq//?ssl_cert_reqs=required"),
        (REDIS, {"ssl_cert_reqs": ssl.CERT_REQUIRED}, "rediss://:pass@cache:6379/1?ssl_cert_reqs=required"),
        (REDIS, {"ssl_cert_reqs": None}, "rediss://:pass@cache:6379/1?ssl_cert_reqs=none"),
        (REDIS, {"ssl_keyfile": "/k", "ssl_certfile": "/c"}, "rediss://:pass@cache:6379/1?ssl_keyfile=%2Fk&ssl_certfile=%2Fc"),
        ("rediss://cache", {"ssl_cert_reqs": "CERT_NONE"}, "rediss://cache?ssl_cert_reqs=none"),
        ("sentinel://a;sentinel://b/0?sentinel_master=m", True, "sentinels://a;sentinels://b/0?sentinel_master=m"),
    ],
)  # fmt: skip
def test_tls_of_the_broker_is_written_into_its_url(url: str, asked: Any, becomes: str) -> None:
    reading = read(CELERY_BROKER_URL=url, CELERY_BROKER_USE_SSL=asked)
    assert (reading.settings.broker_url, reading.notes, reading.warnings) == (becomes, [], [])


def test_tls_of_the_results_is_written_into_theirs_alone() -> None:
    reading = read(CELERY_BROKER_URL=REDIS, CELERY_RESULT_BACKEND="redis://other/0", CELERY_REDIS_BACKEND_USE_SSL=True)
    assert (reading.settings.broker_url, reading.settings.result_backend) == (REDIS, "rediss://other/0")
    stored = read(BROKER_URL="amqp://mq", CELERY_RESULT_BACKEND="redis://other/0", CELERY_REDIS_BACKEND_USE_SSL=True)
    assert stored.settings.broker_url == "amqp://mq?store=rediss%3A%2F%2Fother%2F0"


def test_other_settings_of_the_connection_are_written_into_the_url_of_a_server_that_knows_them() -> None:
    others = {"BROKER_HEARTBEAT": 30, "BROKER_LOGIN_METHOD": "EXTERNAL", "CELERY_BROKER_CONNECTION_TIMEOUT": 2.5}
    reading = read(BROKER_URL="amqp://mq", **others)
    assert reading.settings.broker_url == "amqp://mq?heartbeat=30&login_method=EXTERNAL&connection_timeout=2.5"
    assert reading.notes == []
    reading = read(BROKER_URL="redis://h", **others)
    assert reading.settings.broker_url == "redis://h?socket_connect_timeout=2.5"
    [note] = reading.notes
    assert note.startswith("BROKER_HEARTBEAT, BROKER_LOGIN_METHOD are not used: ")


def test_what_has_no_effect_of_a_setting_about_tls_is_named() -> None:
    [warning] = read(BROKER_URL="amqp://mq", BROKER_USE_SSL={"ca_certs": "/ca.pem", "ciphers": "HIGH"}).warnings
    assert warning.startswith("CELERY_BROKER_USE_SSL has ssl_ciphers, which have no effect")


def test_a_setting_that_is_assigned_counts_as_one_that_is_written() -> None:
    with Celery("connecting", set_as_current=False) as app:
        app.conf.update(broker_url="amqp://mq", broker_use_ssl={"ca_certs": "/one.pem"})
        assert app.settings.broker_url == "amqps://mq?ssl_ca_certs=%2Fone.pem"
        app.conf.broker_use_ssl = {"ca_certs": "/two.pem"}
        assert app.settings.broker_url == "amqps://mq?ssl_ca_certs=%2Ftwo.pem"


def test_jobs_in_the_outbox_find_the_same_broker_however_one_connects_to_it() -> None:
    plain, otherwise = "amqp://mq/shop?prefix=a.", "amqp://me:x@mq/shop?prefix=a.&heartbeat=5&ssl_cert_reqs=none"
    assert address(plain) == address(otherwise)
