"""What was found at one place of a project, and all of it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from celeriac.engine.translation import gettext as _


class Category(StrEnum):
    """What a finding means for the project, the gravest first."""

    UNSUPPORTED = "unsupported"
    CHANGE = "change"
    DIFFERS = "differs"
    IGNORED = "ignored"
    UNREAD = "unread"


class Advice(NamedTuple):
    """What is known about a part of Celery: what becomes of it here, why, and what to do."""

    category: Category
    reason: str
    fix: str = ""


class Finding(NamedTuple):
    """One place at which something is to be known. ``line`` counts from 1."""

    category: Category
    file: str
    line: int
    what: str
    reason: str
    fix: str


class Report(NamedTuple):
    """Everything that was found in a project, in the order of files and lines."""

    path: str
    files: int
    findings: tuple[Finding, ...]

    def of(self, category: Category) -> list[Finding]:
        """Return the findings of one category."""
        return [finding for finding in self.findings if finding.category is category]

    @property
    def exit_status(self) -> int:
        """1 where something is not supported, else 0."""
        return 1 if self.of(Category.UNSUPPORTED) else 0


def found(advice: Advice, file: str, line: int, what: str) -> Finding:
    """Return the finding of what is known, at a place, in the reader's language."""
    return Finding(advice.category, file, line, what, told(advice.reason), told(advice.fix))


def told(text: str) -> str:
    """Return a text of the tables in the reader's language."""
    return _(text) if text else ""  # a catalogue keeps its own description under the empty text


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, by file and line."""
    return tuple(sorted(set(findings), key=lambda finding: (finding.file, finding.line, finding.what)))
