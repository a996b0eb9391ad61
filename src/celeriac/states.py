"""Celery's names for where a job is (celery.states), and which of them mean that it has ended."""

from __future__ import annotations

from typing import Any

PENDING = "PENDING"
RECEIVED = "RECEIVED"
STARTED = "STARTED"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
REVOKED = "REVOKED"
REJECTED = "REJECTED"
RETRY = "RETRY"
IGNORED = "IGNORED"

READY_STATES = frozenset({SUCCESS, FAILURE, REVOKED})
UNREADY_STATES = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES = frozenset({RETRY, FAILURE, REVOKED})
PROPAGATE_STATES = frozenset({FAILURE, REVOKED})
ALL_STATES = frozenset({PENDING, RECEIVED, STARTED, SUCCESS, FAILURE, RETRY, REVOKED})

_ORDER = (SUCCESS, FAILURE, None, REVOKED, STARTED, RECEIVED, REJECTED, RETRY, PENDING)
"""The most final first. ``None`` stands for the states of one's own."""

PRECEDENCE = _ORDER
PRECEDENCE_LOOKUP = {name: place for place, name in enumerate(_ORDER)}
NONE_PRECEDENCE = PRECEDENCE_LOOKUP[None]


def precedence(name: str | None) -> int:
    """Return how final a state is: the smaller, the more final."""
    return PRECEDENCE_LOOKUP.get(name, NONE_PRECEDENCE)


class state(str):  # noqa: N801 - Celery's public name
    """A state that compares by how final it is: ``state(SUCCESS) > state(PENDING)``."""

    __slots__ = ()

    def __gt__(self, other: Any) -> bool:
        return precedence(self) < precedence(other)

    def __ge__(self, other: Any) -> bool:
        return precedence(self) <= precedence(other)

    def __lt__(self, other: Any) -> bool:
        return precedence(self) > precedence(other)

    def __le__(self, other: Any) -> bool:
        return precedence(self) >= precedence(other)
