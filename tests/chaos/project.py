"""A small project for the engine: the harness's tasks, one database, and a witness between the worker and its broker.

A worker of the harness runs the real engine from the master down. Only the front door is missing, so it starts in a quarter
of a second.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.clock import SystemClock
from celeriac.engine.errors import ChildIsDead
from celeriac.engine.job import Job, Token
from celeriac.engine.options import WorkerOptions
from celeriac.engine.outcome import Failure, Outcome
from tests.chaos.ledger import Ledger

ORDER = "CELERIAC_HARNESS"
"""The environment variable that tells a worker of the harness what to be."""


class Order(msgspec.Struct, kw_only=True):
    """What a worker is told."""

    folder: str
    database: dict[str, Any]
    options: dict[str, Any]
    sabotage: str = ""
    loglevel: str = "WARNING"

    @classmethod
    def from_environment(cls) -> Order:
        """Return the order this process was started with."""
        return msgspec.json.decode(os.environ[ORDER].encode(), type=cls)

    def to_environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that is to follow this order."""
        return {**os.environ, **more, ORDER: msgspec.json.encode(self).decode()}

    @property
    def ledger(self) -> Ledger:
        """The ledger of the run."""
        return Ledger(Path(self.folder))


class HarnessProject:
    """Implements the engine's ``Project``."""

    def __init__(self, order: Order) -> None:
        from tests.chaos import tasks  # with Django configured

        self.ledger = order.ledger
        self.database = order.database
        tasks.load_code(self.ledger.folder)
        self.registry = tasks.build(self.ledger)
        self.options = msgspec.convert({"tasks": list(self.registry), **order.options}, WorkerOptions)

    def connect(self) -> Any:
        return witness(self.ledger, self.database)

    def results(self) -> None:
        return None

    def outbox(self) -> None:
        return None

    def agenda(self) -> None:
        return None

    def runner(self, **parts: Any) -> AttemptRunner:
        return AttemptRunner(self.registry, SystemClock(), **parts)

    def follow_failure(self, job: Job, failure: Failure) -> Sequence[Job]:
        return ()

    def started(self, role: str) -> None:
        self.ledger.write("process", role, os.getpid())

    def leaving(self, role: str) -> None:
        self.ledger.write("process", f"{role}-leaves", os.getpid())

    def between_jobs(self) -> None:
        from django.db import connections  # with Django configured

        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                connection.close()


Note = Callable[[Sequence[Outcome], set[Token]], None]


def _witnessed(base: Any, note: Note) -> Any:
    """Return a class of brokers that notes what each settle and each exchange has refused."""

    class Witness(base):
        def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
            refused: set[Token] = super().settle(outcomes)
            note(outcomes, refused)
            return refused

    class RedisWitness(Witness):
        def exchange(self, outcomes: Sequence[Outcome], *claim: Any) -> Any:
            self._given = outcomes
            return super().exchange(outcomes, *claim)

        def call(self, name: str, *arguments: Any) -> Any:
            answer = super().call(name, *arguments)
            if name == "exchange":  # here, since an exchange raises where its claim is refused, whatever it has settled
                note(self._given, {self._given[place].token for place in answer[0]})
            return answer

    class SQLWitness(Witness):
        @property
        def exchange(self) -> Any:
            exchange = super().exchange  # not every database has it

            def noted(outcomes: Sequence[Outcome], *claim: Any) -> Any:
                try:
                    refused, jobs = exchange(outcomes, *claim)
                except ChildIsDead:  # the transaction is undone, so nothing was settled
                    note(outcomes, {outcome.token for outcome in outcomes})
                    raise
                note(outcomes, refused)
                return refused, jobs

            return noted

    if not hasattr(base, "exchange"):
        return Witness
    return SQLWitness if isinstance(base.exchange, property) else RedisWitness


def witness(ledger: Ledger, database: dict[str, Any]) -> Any:
    """Return a broker that writes down what it answers to settles."""
    from tests.chaos.database import open_broker  # with Django configured

    def note(outcomes: Sequence[Outcome], refused: set[Token]) -> None:
        for outcome in outcomes:
            word = "refused" if outcome.token in refused else "accepted"
            ledger.write("ack", word, outcome.state.value, *outcome.token)

    return open_broker(database, lambda base: _witnessed(base, note))


def configure(order: Order) -> None:
    """Give Django its settings. No apps: the engine's brokers need connections only."""
    import django
    from django.conf import settings

    from tests.chaos.database import ALIAS, django_database, use_mysql_driver, whole

    database = django_database(order.database)
    if database is not None and database["ENGINE"].endswith("mysql"):
        use_mysql_driver()
    databases = {} if database is None else {ALIAS: whole(database)}
    settings.configure(DATABASES={"default": {}, **databases}, USE_TZ=True)
    django.setup()


def load() -> HarnessProject:
    """Import the project in a template's process."""
    order = Order.from_environment()
    logging.basicConfig(level=order.loglevel, format="%(asctime)s %(levelname)s %(process)d %(name)s %(message)s", force=True)
    configure(order)
    if order.sabotage:
        from tests.chaos import sabotage  # only a run that must go wrong

        sabotage.commit(order.sabotage)
    project = HarnessProject(order)
    project.ledger.write("process", "template", os.getpid())
    return project


def template_command() -> list[str]:
    """Return the command that starts a template."""
    return [sys.executable, "-m", "tests.chaos.template"]
