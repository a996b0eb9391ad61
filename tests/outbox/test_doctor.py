"""The doctor where the broker is a Redis or Valkey server: what it evicts, what the outbox has kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from celeriac import Celery
from celeriac.doctor import Finding, Gravity, examine
from celeriac.models import OutboxJob
from celeriac.outbox import address
from celeriac.testing.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app(valkey: ValkeyServer) -> Iterator[Celery]:
    app = Celery("shop", broker=valkey.url())
    app.broker().client.flushdb()
    yield app
    app.broker().close()
    app.close()


def found(app: Celery, about: str) -> list[Finding]:
    return [finding for finding in examine(app) if finding.about == about]


def test_a_server_that_evicts_keys_is_an_error_with_its_fix(app: Celery) -> None:
    client = app.broker().client
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        [finding] = found(app, "connection")
        assert finding.gravity is Gravity.ERROR
        assert "maxmemory-policy noeviction" in finding.text
        assert found(app, "workers") == [], "nothing else is asked"
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    assert found(app, "connection") == []


def test_what_the_outbox_has_kept_too_long_is_found_by_broker(app: Celery) -> None:
    old = timezone.now() - timedelta(minutes=5)
    for number, broker in enumerate([address(app.settings.broker_url), "redis://elsewhere/0", "redis://elsewhere/0"]):
        OutboxJob.objects.create(id=str(number), broker=broker, job=b"", created=old)
    OutboxJob.objects.create(id="new", broker="redis://new/0", job=b"")
    findings = found(app, "outbox")
    assert [finding.text.endswith(f": {n}.") for finding, n in zip(findings, (2, 1), strict=True)] == [True, True]
    assert "CELERY_BROKER_URL names another now" in findings[0].fix
    assert "start one" in findings[1].fix


def test_a_broker_that_does_not_answer_is_found_and_nothing_else_is_asked() -> None:
    with Celery("shop", broker="redis://127.0.0.1:1/0") as app:
        assert {finding.about for finding in examine(app)} - {"settings"} == {"connection"}


def test_unsigned_jobs_on_another_host_are_worth_advice(app: Celery) -> None:
    from celeriac.doctor.keys import signatures

    with Celery("shop", broker="redis://queue.example.org:6379/0", set_as_current=False) as remote:
        assert [finding.gravity for finding in signatures(remote)] == [Gravity.ADVICE]
        remote.conf.update(signing_keys=["s" * 40])
        assert list(signatures(remote)) == []
    assert list(signatures(app)) == []
