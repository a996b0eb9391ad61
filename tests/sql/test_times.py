"""Times as the databases keep them as text: to the microsecond that was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celeriac.engine.brokers.sql.sqlite import SQLite

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_time_comes_back_to_the_microsecond() -> None:
    dialect = SQLite("default")
    for microseconds in (0, 1, 499_999, 945_628, 945_629, 999_999):
        time = NOON + timedelta(microseconds=microseconds)
        text = dialect.time(time.timestamp())
        assert text is not None
        assert datetime.fromisoformat(text).replace(tzinfo=UTC) == time


def test_less_than_half_a_microsecond_before_a_second_is_that_second() -> None:
    assert SQLite("default").time(NOON.timestamp() - 2.4e-7) == "2026-11-21 12:00:00.000000"
