"""What the doctor found: how bad it is, what it is, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from celeriac.app import Celery


class Gravity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Jobs do not run, or may be lost."""
    WARNING = "warning"
    """Something waits, or will go wrong."""
    ADVICE = "advice"
    """Nothing is wrong; something could be better."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be."""

    gravity: Gravity
    about: str
    """The name of the check that found it."""
    text: str
    fix: str


Findings = Iterator[Finding]
Check = Callable[["Celery"], Findings]


def error(about: str, text: str, fix: str) -> Finding:
    """Return a finding that keeps jobs from running."""
    return Finding(gravity=Gravity.ERROR, about=about, text=text, fix=fix)


def warning(about: str, text: str, fix: str) -> Finding:
    """Return a finding that will do so, or keeps some."""
    return Finding(gravity=Gravity.WARNING, about=about, text=text, fix=fix)


def advice(about: str, text: str, fix: str) -> Finding:
    """Return a finding about what could be better."""
    return Finding(gravity=Gravity.ADVICE, about=about, text=text, fix=fix)


def some(names: Sequence[str], most: int = 5) -> str:
    """Return a few names for a sentence."""
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)})"
