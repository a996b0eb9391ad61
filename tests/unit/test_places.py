"""Where jobs and results are, in the start-up text, and what no setting makes that place do."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.cli.places import lacking, places
from celeriac.conf import Settings
from celeriac.engine.brokers.base import Capabilities

KEPT = "a transaction shared with the caller (the outbox keeps a job until its COMMIT)"


def lines(url: str, **fields: Any) -> list[str]:
    return places(Settings(broker_url=url, **fields))


def test_the_projects_own_database_lacks_nothing() -> None:
    [line] = lines("django://default")
    assert line.startswith("  broker  django://default (SQLite: ")
    assert line.endswith("; jobs commit with the caller's transaction)")


def test_another_database_of_the_project_shares_no_transaction_with_the_caller() -> None:
    broker, lacks = lines("django://default", outbox="orders")
    assert "commit" not in broker
    assert lacks == f"  lacks   {KEPT}"


def test_a_broker_elsewhere_says_what_it_cannot_do_and_what_helps() -> None:
    assert lines("redis://me:secret@localhost/0") == ["  broker  redis://localhost/0", f"  lacks   {KEPT}"]
    assert lines("redis://localhost/0", outbox=None)[1:] == [
        "  lacks   a transaction shared with the caller (a job is sent at its call)"
    ]


def test_rabbitmq_names_its_store_without_the_password() -> None:
    assert lines("amqp://localhost//?store=redis%3A%2F%2Fme%3Asecret%40localhost%2F0") == [
        "  broker  amqp://localhost//",
        "  store   redis://localhost/0",
        f"  lacks   {KEPT}; priorities of what waits in it; lists of what waits in it",
    ]


def test_results_elsewhere_have_a_line() -> None:
    assert lines("redis://localhost/0", result_backend="redis://localhost/1")[-1] == "  results redis://localhost/1"


@pytest.mark.parametrize("ability", sorted(set(Capabilities.__struct_fields__) - {"transactional", "ordered"}))
def test_whatever_a_broker_cannot_do_is_said(ability: str) -> None:
    assert lacking(Capabilities(), True, "default") == []
    [line] = lacking(Capabilities(**{ability: False}), True, "default")
    assert line.startswith("  lacks   ")
