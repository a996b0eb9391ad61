"""Compares the ledger with the store, once everything is quiet. Set algebra, with Jepsen's words.

lost         acknowledged, and now neither terminal, parked nor live: the store has no record of it
stuck        acknowledged, and still live although every fault is over and workers had time to drain the queue
unexpected   recorded, and never submitted (or submitted and rejected)
hollow       succeeded, and its body never returned under the claim that was settled
zombie       a settle that was accepted although a newer claim of the job had been handed out
twice        more than one terminal settle of one job was accepted
overcharged  parked, although its own body killed nobody
duplicates   bodies that began, beyond one for each job; bounded by what the victims of faults held
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from celeriac.engine.job import LIVE, TERMINAL, Job, State, Token
from tests.chaos.ledger import Ledger, Run

FAULTS_WITHOUT_VICTIMS = frozenset({"outage"})
_TERMINAL = frozenset(state.value for state in TERMINAL)


class Verdict(msgspec.Struct, kw_only=True):
    """What one run came to. Everything in ``wrong`` must be zero."""

    jobs: int = 0
    bodies: int = 0
    states: dict[str, int] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    wrong: dict[str, int] = msgspec.field(default_factory=dict)
    examples: dict[str, list[str]] = msgspec.field(default_factory=dict)
    duplicates: int = 0
    bound: int = 0
    recovered: int = 0
    refused: int = 0
    rescue: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def is_red(self) -> bool:
        """Return whether an invariant is broken."""
        return any(self.wrong.values())


class Checker:
    """Reads one ledger and one store. ``guilty`` tasks may be parked: they kill their own process."""

    def __init__(self, ledger: Ledger, records: Sequence[Job], guilty: Sequence[str] = ("die",), retries: int = 0) -> None:
        self.records = {job.id: job for job in records}
        self.guilty = frozenset(guilty)
        self.retries = retries
        self.intents, self.acked = ledger.keys("submit", "intent"), ledger.keys("submit", "acked")
        self.starts, self.ends = ledger.runs("start"), ledger.runs("end")
        self.acks = ledger.acks()
        self.faults = list(ledger.read("fault"))
        self.ids = {job.number: id for id, job in self.records.items()}

    def judge(self) -> Verdict:
        """Return the verdict."""
        wrong = {
            "lost": self.acked - self.records.keys(),
            "stuck": {id for id in self.acked & self.records.keys() if self.records[id].state in LIVE},
            "unexpected": self.records.keys() - self.intents,
            "phantom": {run.key for run in self.starts} - self.intents,
            "hollow": self.hollow(),
            "zombie": self.zombies(),
            "twice": self.settled_twice(),
            "overcharged": {id for id, job in self.records.items() if job.state is State.PARKED and job.task not in self.guilty},
        }
        duplicates, bound = self.duplicates(), self.bound()
        verdict = Verdict(
            jobs=len(self.records),
            bodies=len(self.starts),
            states=dict(Counter(job.state.value for job in self.records.values())),
            faults=dict(Counter(line.words[0] for line in self.faults)),
            wrong={name: len(ids) for name, ids in wrong.items()},
            examples={name: sorted(ids)[:5] for name, ids in wrong.items() if ids},
            duplicates=duplicates,
            bound=bound,
            recovered=len((self.intents - self.acked) & {id for id, job in self.records.items() if job.state in TERMINAL}),
            refused=sum(1 for ack in self.acks if not ack.accepted),
            rescue=percentiles(self.rescue_times()),
        )
        verdict.wrong["unbounded"] = max(0, duplicates - bound)
        return verdict

    # -- the sets ----------------------------------------------------------------------------------------------------------

    def hollow(self) -> set[str]:
        """Jobs that succeeded though no body returned under the accepted claim, or, where its record was lost, under any."""
        ended = {run.token for run in self.ends}
        keys = {run.key for run in self.ends}
        accepted = {ack.token for ack in self.acks if ack.accepted and ack.state == State.SUCCEEDED}
        early = {self.ids[token.number] for token in accepted - ended if token.number in self.ids}
        never = {id for id, job in self.records.items() if job.state is State.SUCCEEDED} - keys
        return early | never

    def zombies(self) -> set[str]:
        """Jobs whose terminal settle was accepted although a newer delivery exists.

        No clock is needed: a settled job is never claimed again, so the newer claim came first, and the settle was stale.
        """
        newest: dict[int, int] = defaultdict(int)
        for token in [run.token for run in self.starts] + [ack.token for ack in self.acks]:
            newest[token.number] = max(newest[token.number], token.delivery)
        stale = [token for token in self._terminal_settles() if token.delivery < newest[token.number]]
        return {self._id(token) for token in stale}

    def settled_twice(self) -> set[str]:
        """Jobs with more than one accepted terminal settle."""
        times = Counter(token.number for token in self._terminal_settles())
        return {self.ids.get(number, str(number)) for number, count in times.items() if count > 1}

    def _terminal_settles(self) -> list[Token]:
        return [ack.token for ack in self.acks if ack.accepted and ack.state in _TERMINAL]

    def _id(self, token: Token) -> str:
        return self.ids.get(token.number, str(token.number))

    def duplicates(self) -> int:
        """Count the bodies that began beyond the first of each job, and beyond the retries that the jobs asked for."""
        return len(self.starts) - len({run.key for run in self.starts}) - self.retries

    def bound(self) -> int:
        """Count the claims that the victims of faults held: each may cost one more body, none may cost two."""
        return sum(int(line.words[2]) for line in self.faults if line.words[0] not in FAULTS_WITHOUT_VICTIMS)

    # -- times -------------------------------------------------------------------------------------------------------------

    def rescue_times(self) -> list[float]:
        """Return how long after its fault each job that had begun under a victim began anew, in seconds."""
        times = []
        begun: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.starts):
            begun[run.key].append(run)
        hits = sorted((line.at, int(line.words[1])) for line in self.faults)
        for runs in begun.values():
            for first, second in zip(runs, runs[1:], strict=False):
                at = next((at for at, pid in hits if pid == first.pid and first.at <= at <= second.at), None)
                if at is not None:
                    times.append(second.at - at)
        return times


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return how many values there are, their median, 99th percentile and largest."""
    if not values:
        return {}
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "count": len(ordered),
        "p50": round(ordered[last // 2], 3),
        "p99": round(ordered[min(last, int(last * 0.99 + 0.5))], 3),
        "max": round(ordered[-1], 3),
    }
