"""The outbox: what was committed and not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from celeriac.doctor.finding import Findings, warning
from celeriac.engine.translation import gettext as _
from celeriac.outbox import address, has_tables

if TYPE_CHECKING:
    from celeriac.app import Celery

GRACE = 60.0
"""Seconds within which a worker sends what a crash left."""
MOST = 1000


def outbox(app: Celery) -> Findings:
    """Look for rows that should have gone, and for rows of a broker that nobody uses any more."""
    settings = app.settings
    if settings.outbox is None or settings.broker_url.startswith(("django:", "memory:")) or not has_tables():
        return
    from django.db.models.functions import Now

    from celeriac.models import OutboxJob  # models cannot be imported before the apps are loaded

    old = OutboxJob.objects.using(settings.outbox).filter(created__lt=Now() - timedelta(seconds=GRACE))
    brokers = list(old.values_list("broker", flat=True)[:MOST])
    here = address(settings.broker_url)
    for broker in sorted(set(brokers)):
        number = brokers.count(broker)
        text = _("Jobs wait in the outbox for the broker {broker}, though they were committed over a minute ago: {n}.")
        fix = (
            _("A worker of this project sends them: start one, or see in its log why it does not.")
            if broker == here
            else _("CELERY_BROKER_URL names another now. Start a worker with the old one once: it sends them.")
        )
        yield warning("outbox", text.format(n=number, broker=broker), fix)
