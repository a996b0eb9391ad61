"""The agenda of a project: what its code declares is in the table first, then what is due is fired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import Error, connections

from celeriac.beat.ahead import PlanningAhead
from celeriac.beat.declaring import declared
from celeriac.beat.planning import Planning
from celeriac.beat.synchronising import replan, synchronise
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.translation import gettext as _
from celeriac.outbox import has_tables, with_outbox

if TYPE_CHECKING:
    from celeriac.app import Celery


def agenda_of(app: Celery, broker: Any) -> Agenda | None:
    """Return the agenda for one thread of a worker of ``broker``; None where there is no table, or no broker that lasts."""
    if not has_tables() or not broker.capabilities.durable:
        return None
    plan = PlanningAhead(Planning(app))
    if broker.capabilities.transactional:
        return Agenda(app, broker.alias, SQLAgenda(broker, plan, prepare=plan.prepare))
    alias = app.settings.outbox or "default"
    return Agenda(app, alias, SQLAgenda(SQLBroker(alias), plan, with_outbox(app, broker), plan.prepare))


class Agenda:
    """It belongs to one thread. With a broker elsewhere, the jobs of a tick are written to the outbox with the tick."""

    def __init__(self, app: Celery, alias: str, agenda: SQLAgenda) -> None:
        self._app = app
        self._alias = alias
        self._agenda = agenda
        self._synchronised = False

    def fire(self, limit: int) -> float | None:
        """Fire what is due. Raises ``BrokerUnavailable``."""
        try:
            if not self._synchronised:
                synchronise(self._alias, declared(self._app))
                replan(self._alias, self._app.settings.timezone)
                self._synchronised = True
                connections[self._alias].close()
            return self._agenda.fire(limit)
        except Error as error:
            connections[self._alias].close()
            text = _("The periodic tasks in the database {alias!r} cannot be read: {error}")
            raise BrokerUnavailable(text.format(alias=self._alias, error=error)) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._agenda.close()
        connections[self._alias].close()
