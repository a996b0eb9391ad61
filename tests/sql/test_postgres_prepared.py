"""What a caller's connection to PostgreSQL prepares, and where it must not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance.scenario import a_job, ids
from celeriac.testing.postgres import PostgresServer
from tests.conformance.conftest import database

OFTEN = 5


@pytest.fixture(params=[OFTEN, None], ids=["allowed", "not allowed"])
def caller(request: pytest.FixtureRequest, postgres: PostgresServer, django_db_blocker: DjangoDbBlocker) -> Iterator[SQLBroker]:
    """A caller's broker in a project that allows prepared statements, and in one that says nothing of them."""
    params = postgres.params
    place = {"NAME": params["dbname"], "USER": params["user"], "HOST": params["host"], "PORT": str(params["port"])}
    options = {"prepare_threshold": request.param} if request.param else {}
    settings = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **place}
    with django_db_blocker.unblock(), database("prepared_postgres", **settings) as alias:
        yield SQLBroker(alias)


def test_a_caller_prepares_only_where_the_project_allows_it(caller: SQLBroker) -> None:
    jobs = [a_job(payload=b"[[%d],{},{}]" % nth) for nth in range(OFTEN + 2)]
    for job in jobs:
        caller.push([job])
    with connections[caller.alias].cursor() as cursor:
        cursor.execute("select count(*) from pg_prepared_statements where statement like '%into celeriac_job%'")
        prepared = cursor.fetchone()
    assert prepared == (1 if caller.connection.django.connection.prepare_threshold else 0,)
    assert set(ids(jobs)) <= set(ids(caller.find({}, 100)))
    caller.forget(ids(jobs))
