"""Leases, and what becomes of the jobs of the dead: the rescuing half of the SQL broker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from celeriac.engine.brokers.base import Consequences, Verdict
from celeriac.engine.brokers.endings import judged
from celeriac.engine.brokers.sql.session import Session
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Failure


class Rescue(Session):
    """Renews leases, and gives the jobs of the dead to the living."""

    def renew(self, worker: str, lease: float) -> bool:
        return bool(self._do(lambda: self.connection.run(self.dialect.sql["renew"], (lease, worker))))

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        with self._waking(consequences) as noted:
            return self._taken(lambda: self._bury(worker, None, noted))

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        with self._waking(consequences) as noted:
            if child is None:
                return self._taken(lambda: self._rescue_lapsed(limit, noted))
            return self._taken(lambda: self._rescue_child(child, begun, verdicts, limit, noted))

    @contextmanager
    def _waking(self, consequences: Consequences | None) -> Iterator[Consequences | None]:
        """Yield ``consequences``; after the COMMIT wake who waits for the jobs that were pushed by it."""
        queues: Counter[str] = Counter()

        def noted(job: Job, failure: Failure) -> Sequence[Job]:
            follow_ups = () if consequences is None else consequences(job, failure)
            queues.update(follow_up.queue for follow_up in follow_ups)
            return follow_ups

        yield consequences and noted
        self.wake_up(queues)

    def _rescue_lapsed(self, limit: int | None, consequences: Consequences | None) -> list[str]:
        lapsed = self.connection.fetch(self.dialect.sql["lapsed"])
        return [queue for (worker,) in lapsed for queue in self._bury(worker, limit, consequences)]

    def _bury(self, worker: str, limit: int | None, consequences: Consequences | None) -> list[str]:
        sql = self.dialect.sql
        self.connection.run(sql["kill_worker"], (worker,))
        children = [row[0] for row in self.connection.fetch(sql["children"], (worker,))]
        self.connection.run(sql["kill_children"], (worker,))  # waits for claims in flight, or stops them
        if children:
            self.connection.run_many(sql["forget_idle"], [(child,) for child in children])
        now = time.time()
        return [
            queue for child in children for queue in self.dialect.empty(self.connection, child, (), now, limit, consequences)
        ]

    def _rescue_child(
        self,
        child: str,
        begun: Collection[Token],
        verdicts: Collection[Verdict],
        limit: int | None,
        consequences: Consequences | None,
    ) -> list[str]:
        self.connection.run(self.dialect.sql["kill_child"], (child,))  # first: it waits for a claim in flight, or stops it
        self.connection.run(self.dialect.sql["forget_idle"], (child,))  # nobody is to wake the dead
        now = time.time()
        outcomes = [judged(verdict, now) for verdict in verdicts]
        refused = self.dialect.settle_dead(self.connection, outcomes, consequences) if outcomes else set()
        taken = self.dialect.empty(self.connection, child, begun, now, limit, consequences)
        return taken + [""] * (len(outcomes) - len(refused))
