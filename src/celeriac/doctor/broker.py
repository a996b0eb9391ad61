"""The broker: does it answer, does it keep what it is given, does its clock agree with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeriac.doctor.finding import Findings, error, warning
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured, SchemaMissing
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

SKEW = 2.0
"""Seconds by which clocks may differ."""


def connection(app: Celery) -> Findings:
    """Connect. A server that evicts keys, or is too old, is refused here as by a worker."""
    broker = app.broker()
    try:
        broker.open()
    except SchemaMissing as failure:
        yield error("connection", str(failure), "python manage.py migrate")
    except ImproperlyConfigured as failure:
        yield error("connection", str(failure), _("The sentence says what to set."))
    except BrokerUnavailable as failure:
        yield error("connection", str(failure), _("Start the server, or mend CELERY_BROKER_URL. Workers wait for it."))
    else:
        for text in getattr(broker, "warnings", ()):
            yield warning("connection", text, _("The sentence says what to set."))


def clock(app: Celery) -> Findings:
    """Compare the broker's clock with this machine's, as far as the time of an answer allows."""
    before = app.clock.wall()
    there = app.broker().snapshot().time
    after = app.clock.wall()
    skew = there - after if there > after else before - there if there < before else 0.0
    if skew > SKEW:
        text = _(
            "The clocks of this machine and of the broker differ by {n} s. What is scheduled here comes early or late by as"
            " much, and signed jobs are refused from a minute on."
        )
        yield warning("clock", text.format(n=f"{skew:.1f}"), _("Have both take the time from NTP: timedatectl set-ntp true"))
