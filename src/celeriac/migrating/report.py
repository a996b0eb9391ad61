"""Showing a report: to a person, with colours where rich is installed, or to a program as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop
from celeriac.migrating.finding import Category, Finding, Report

TITLES = {
    Category.UNSUPPORTED: gettext_noop("Not supported in this version"),
    Category.CHANGE: gettext_noop("To change"),
    Category.DIFFERS: gettext_noop("Behaves differently"),
    Category.IGNORED: gettext_noop("Has no effect"),
    Category.UNREAD: gettext_noop("Could not be read"),
}
COUNTED = {
    Category.UNSUPPORTED: gettext_noop("{n} not supported"),
    Category.CHANGE: gettext_noop("{n} to change"),
    Category.DIFFERS: gettext_noop("{n} different"),
    Category.IGNORED: gettext_noop("{n} without effect"),
    Category.UNREAD: gettext_noop("{n} not read"),
}
STYLES = {
    Category.UNSUPPORTED: "bold red",
    Category.CHANGE: "bold yellow",
    Category.DIFFERS: "bold cyan",
    Category.IGNORED: "bold",
    Category.UNREAD: "bold red",
}
MOST_PLACES = 12
"""How many places one reason lists; the rest are counted."""


def text(report: Report) -> str:
    """Return the report as plain text."""
    return "".join(part for _, part in parts(report))


def parts(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the report piece by piece, each with the style of a terminal that has colours."""
    if not report.findings:
        yield (
            "bold green",
            _("Nothing to change: {files} read in {path}.\n").format(files=_files(report.files), path=report.path),
        )
        return
    for category in Category:
        findings = report.of(category)
        if findings:
            yield STYLES[category], f"{_(TITLES[category])} ({len(findings)})\n"
            yield from _category(findings)
    counts = (_(COUNTED[category]).format(n=len(report.of(category))) for category in Category if report.of(category))
    yield "", _("{files} read: {counts}.\n").format(files=_files(report.files), counts=", ".join(counts))


def _category(findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Findings of one reason are shown together, in the order in which the reasons come up."""
    reasons = {(finding.reason, finding.fix): number for number, finding in reversed(list(enumerate(findings)))}
    for (reason, fix), group in groupby(
        sorted(findings, key=lambda finding: reasons[finding.reason, finding.fix]), key=lambda finding: finding[4:]
    ):
        several = list(group)
        for finding in several[:MOST_PLACES]:
            yield "bold", f"  {printable(finding.file)}:{finding.line}"
            yield "", f"  {printable(finding.what)}\n"
        if len(several) > MOST_PLACES:
            yield "", _("  and {n} more\n").format(n=len(several) - MOST_PLACES)
        yield "", f"      {printable(reason)}\n"
        if fix:
            yield "green", f"      {printable(fix)}\n"
        yield "", "\n"


def _files(number: int) -> str:
    return _("1 file") if number == 1 else _("{n} files").format(n=number)


def printable(written: str) -> str:
    """Return a text of the project's without what moves a terminal's cursor."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in written)


def as_json(report: Report) -> str:
    """Return the report as one JSON object: ``path``, ``files``, ``unsupported`` and ``findings``."""
    found: Iterable[dict[str, object]] = [finding._asdict() for finding in report.findings]
    whole = {
        "path": report.path,
        "files": report.files,
        "unsupported": len(report.of(Category.UNSUPPORTED)),
        "findings": list(found),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)
