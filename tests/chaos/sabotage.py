"""Taking one guarantee out of the engine, in the process of a harness's project, to see that the checker notices.

``token``     a settle is accepted whoever holds the claim now
``early``     a job is settled before its body has run
``liveness``  a claim does not ask whether its child is alive
``grace``     leases are taken at their word right after an outage

The first and the third are taken out of SQL and of Redis's scripts alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from celeriac.engine.brokers.redis import scripts
from celeriac.engine.brokers.sql import postgres
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.sqlite import SQLite
from celeriac.engine.brokers.sql.statements import STATEMENTS
from celeriac.engine.job import Job, State, Token
from celeriac.engine.keeper.leases import Leases
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.child import Child

LUA = Path(scripts.__file__).parent / "lua"


def commit(kind: str) -> None:
    """Take out the guarantee."""
    SABOTAGES[kind]()


def _forget_tokens() -> None:
    sound = Dialect.settle

    def settle(self: Dialect, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        forged = [msgspec.structs.replace(outcome, token=_holder(connection, outcome.token)) for outcome in outcomes]
        refused = sound(self, connection, forged)
        return {outcome.token for outcome, forgery in zip(outcomes, forged, strict=True) if forgery.token in refused}

    Dialect.settle = settle  # type: ignore[method-assign]  # the sabotage itself
    SQLite.one_writer = False  # a claim in the same transaction would find that the child is dead, and undo the settle
    change_scripts(*TOKEN_CHECK)


def _holder(connection: Connection, token: Token) -> Token:
    held = connection.fetch(
        "select job, child, delivery from celeriac_live where job = %s and child is not null", (token.number,)
    )
    return Token(*held[0]) if held else token


def _settle_early() -> None:
    sound = Child._may_run

    def may_run(self: Child, job: Job) -> bool:
        now = time.time()
        self.broker.settle([Outcome(token=job.token, state=State.SUCCEEDED, started=now, finished=now)])
        return sound(self, job)

    Child._may_run = may_run  # type: ignore[method-assign]  # the sabotage itself


def _let_the_dead_claim() -> None:
    STATEMENTS["is_alive"] = "select 1 from celeriac_child where id = %s"
    broken = postgres.CLAIM.replace("where id = %s and alive for share", "where id = %s")
    assert broken != postgres.CLAIM, "the claim's statement is another one now: change this sabotage with it"
    postgres.CLAIM = broken
    change_scripts(*LIVENESS_CHECK)


def _judge_at_once() -> None:
    def may_judge(self: Any) -> bool:
        return True

    Leases.may_judge = may_judge  # type: ignore[method-assign]  # the sabotage itself


TOKEN_CHECK = ("claim.child == child and claim.delivery == delivery", "true")
LIVENESS_CHECK = ("if call('HEXISTS', P .. 'children', child) == 0 then return false end", "")


def change_scripts(old: str, new: str) -> Callable[[], None]:
    """Write Redis's scripts otherwise from now on. Returns what writes them as they were."""
    sound = scripts._text
    assert any(old in file.read_text() for file in LUA.iterdir()), "the scripts are others now: change this sabotage with them"

    def use(text: Callable[[str], str]) -> None:
        scripts._text = text
        scripts.source.cache_clear()
        scripts.digest.cache_clear()

    use(lambda name: sound(name).replace(old, new))
    return lambda: use(sound)


SABOTAGES: dict[str, Callable[[], None]] = {
    "token": _forget_tokens,
    "early": _settle_early,
    "liveness": _let_the_dead_claim,
    "grace": _judge_at_once,
}
