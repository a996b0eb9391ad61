"""All checks, in the order in which one rests on the other: without a broker nothing can be said about jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from celeriac.doctor import broker, database, keys, outbox, schedules, settings, work
from celeriac.doctor.finding import Check, Finding, Gravity, error
from celeriac.engine.errors import CeleriacError
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

FIRST: Mapping[str, Check] = {
    "settings": settings.settings,
    "keys": keys.keys,
    "connection": broker.connection,
    "migrations": database.migrations,
}
"""Where one of these finds an error, the others are not asked."""
THEN: Mapping[str, Check] = {
    "clock": broker.clock,
    "journal": database.journal,
    "transactions": database.transactions,
    "signatures": keys.signatures,
    "workers": work.workers,
    "queues": work.queues,
    "tasks": work.tasks,
    "parked": work.parked,
    "outbox": outbox.outbox,
    "schedules": schedules.schedules,
}
CHECKS = {**FIRST, **THEN}


def examine(app: Celery) -> list[Finding]:
    """Return every finding, the worst first. A check that fails is a finding itself."""
    found = [finding for name, check in FIRST.items() for finding in _checked(app, name, check)]
    if not any(finding.gravity is Gravity.ERROR for finding in found):
        found += [finding for name, check in THEN.items() for finding in _checked(app, name, check)]
    return sorted(found, key=lambda finding: list(Gravity).index(finding.gravity))


def _checked(app: Celery, name: str, check: Check) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check(app))
    except CeleriacError as failure:
        found.append(error(name, str(failure), _("Mend this first; the check could not be finished.")))
    return found
