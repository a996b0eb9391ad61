"""Compares the ledger with the store, once everything is quiet. Set algebra, with Jepsen's words.

    lost         acknowledged, and the store has no record of it
    stuck        acknowledged, and still live although every fault is over and workers had time to drain the queue
    unexpected   recorded, and never submitted
    phantom      run, and never submitted
    hollow       succeeded, and its body never returned under the claim that was settled
    zombie       a settle that was accepted although a newer claim of the job had been handed out
    twice        more than one terminal settle of one job was accepted
    overcharged  parked, although its own body killed nobody
    unexplained  a body that began and whose claim was not settled, in a process that nothing was done to: a false rescue,
                 or a job run twice
    again        a job that asked for at most once, whose body began twice
    effects      a transactional job whose effects do not match its state: one when it succeeded, none otherwise
    late         a server answered again, and no job that was enqueued from then on began within three seconds

Besides, not wrong in themselves: *duplicates*, bodies that began beyond the first of each job (each explained by a fault or a
retry), *recovered*, jobs whose enqueue was never answered and that ran all the same, *refused*, settles of claims that were
lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from celeriac.engine.job import LIVE, TERMINAL, Job, State, Token
from tests.chaos.ledger import Ack, Ledger, Run

GUILTY = frozenset({"die"})
"""Tasks that kill their own process, so that they may end parked."""
AT_MOST_ONCE = frozenset({"noop_once", "hold_once"})
TRANSACTIONAL = frozenset({"stamp"})
UNWRITTEN = 1.0
"""Seconds that a commit which does not wait may stay unwritten: three times wal_writer_delay, and some."""
RESUMED_WITHIN = 3.0
"""Seconds in which jobs run again, once the server answers."""
NEVER = 1_000.0
"""What stands for the seconds until something that did not happen."""
OF_TIME = frozenset({"stuck", "unexplained", "late", "undrained", "orphans"})
"""What can also go wrong because the machine stood still; anything else cannot, however slow it is."""
BREAKS_CONNECTIONS = frozenset({"outage", "cut", "half-open", "full"})
_RETRYING = frozenset({State.WAITING.value, State.SCHEDULED.value})
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
    recovered: int = 0
    refused: int = 0
    rescue: dict[str, float] = msgspec.field(default_factory=dict)
    resumed: dict[str, float] = msgspec.field(default_factory=dict)
    stall: float = 0.0
    """Seconds that the machine stood still at the longest, as the harness saw it."""
    endures: float = 0.0
    """Seconds that it may stand still before a lease runs out that was about to be renewed. 0: it was not looked at."""

    @property
    def is_red(self) -> bool:
        """Return whether an invariant is broken, and the machine is no excuse."""
        broken = {name for name, count in self.wrong.items() if count}
        return bool(broken - OF_TIME if self.stall > self.endures > 0 else broken)

    @property
    def is_inconclusive(self) -> bool:
        """Return whether something went wrong that may be the machine's doing: it stood still for as long as a lease."""
        return not self.is_red and any(self.wrong.values())


class Checker:
    """Reads one ledger, the store's records, and the effects: rows of (id, token) that transactional bodies left.

    ``crashes`` makes every child that never took leave a victim: for runs in which processes kill themselves at a fault point.
    """

    def __init__(
        self, ledger: Ledger, records: Sequence[Job], effects: Sequence[tuple[str, Token]] = (), crashes: bool = False
    ) -> None:
        self.records = {job.id: job for job in records}
        self.ids = {job.number: job.id for job in records}
        self.effects = effects
        self.intents, self.acked = ledger.keys("submit", "intent"), ledger.keys("submit", "acked")
        self.starts, self.ends = ledger.runs("start"), ledger.runs("end")
        self.acks = ledger.acks() + [Ack(0.0, True, State.SUCCEEDED.value, token) for _, token in effects]
        self.faults = list(ledger.read("fault"))
        self.hits = sorted((line.at, int(pid)) for line in self.faults for pid in line.words[1:])
        self.victims = {pid for _, pid in self.hits}
        self.resumed = resumptions(ledger)
        if crashes:
            self.victims |= {int(pid) for pid in ledger.keys("process", "child") - ledger.keys("process", "child-leaves")}

    def judge(self) -> Verdict:
        """Return the verdict."""
        wrong = {name: find() for name, find in self._searches().items()}
        return Verdict(
            jobs=len(self.records),
            bodies=len(self.starts),
            states=dict(Counter(job.state.value for job in self.records.values())),
            faults=dict(Counter(line.words[0] for line in self.faults)),
            wrong={name: len(ids) for name, ids in wrong.items()},
            examples={name: sorted(ids)[:5] for name, ids in wrong.items() if ids},
            duplicates=len(self.starts) - len({run.key for run in self.starts}),
            recovered=len((self.intents - self.acked) & {id for id, job in self.records.items() if job.state in TERMINAL}),
            refused=sum(1 for ack in self.acks if not ack.accepted),
            rescue=percentiles(self.rescue_times()),
            resumed=percentiles(list(self.resumed.values())),
        )

    def _searches(self) -> dict[str, Callable[[], set[str]]]:
        records = self.records
        return {
            "lost": lambda: self.acked - records.keys(),
            "stuck": lambda: {id for id in self.acked & records.keys() if records[id].state in LIVE},
            "unexpected": lambda: records.keys() - self.intents,
            "phantom": lambda: {run.key for run in self.starts} - self.intents,
            "hollow": self.hollow,
            "zombie": self.zombies,
            "twice": self.settled_twice,
            "overcharged": lambda: {id for id, job in records.items() if job.state is State.PARKED and job.task not in GUILTY},
            "unexplained": self.unexplained,
            "again": self.begun_again,
            "effects": self.wrong_effects,
            "late": lambda: {nth for nth, seconds in self.resumed.items() if seconds > RESUMED_WITHIN},
        }

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
        newest = self._newest()
        stale = [token for token in self._terminal_settles() if token.delivery < newest[token.number]]
        return {self._id(token) for token in stale}

    def _newest(self) -> dict[int, int]:
        newest: dict[int, int] = defaultdict(int)
        for token in [run.token for run in self.starts] + [ack.token for ack in self.acks]:
            newest[token.number] = max(newest[token.number], token.delivery)
        return newest

    def settled_twice(self) -> set[str]:
        """Jobs with more than one accepted terminal settle."""
        times = Counter(token.number for token in self._terminal_settles())
        return {self.ids.get(number, str(number)) for number, count in times.items() if count > 1}

    def _terminal_settles(self) -> list[Token]:
        return [ack.token for ack in self.acks if ack.accepted and ack.state in _TERMINAL]

    def _id(self, token: Token) -> str:
        return self.ids.get(token.number, str(token.number))

    def unexplained(self) -> set[str]:
        """Jobs with a body that began, whose claim was never settled, though its process was left in peace."""
        accepted = {ack.token for ack in self.acks if ack.accepted}
        odd = [run for run in self.starts if run.token not in accepted and run.pid not in self.victims]
        answered = {token.number for token in self._terminal_settles()}
        newest = self._newest()
        # Where the answer to the last settle was lost with the connection, its repeat is refused though the first was taken.
        ambiguous = {run for run in odd if run.token.number not in answered and run.token.delivery == newest[run.token.number]}
        ambiguous |= {run for run in odd if run.token in self._unsure_retries()}
        return {run.key for run in odd if run not in ambiguous and not self._is_lost_with_server(run)}

    def _unsure_retries(self) -> set[Token]:
        """Return whose retry was refused, though it may have been taken before: where a fault broke connections."""
        if not any(line.words[0] in BREAKS_CONNECTIONS for line in self.faults):
            return set()
        return {ack.token for ack in self.acks if not ack.accepted and ack.state in _RETRYING}

    def _is_lost_with_server(self, run: Run) -> bool:
        """Return whether a crash of the server may have undone the claim: PostgreSQL's claims do not wait for the disk."""
        return any(line.words[0] == "outage" and 0 <= line.at - run.at < UNWRITTEN for line in self.faults)

    def begun_again(self) -> set[str]:
        """Jobs that asked for at most once and were begun more often."""
        times = Counter(run.key for run in self.starts if run.key in self.records)
        return {id for id, count in times.items() if count > 1 and self.records[id].task in AT_MOST_ONCE}

    def wrong_effects(self) -> set[str]:
        """Transactional jobs whose effects do not match their state: one when they succeeded, none otherwise."""
        times = Counter(id for id, _ in self.effects)
        jobs = {id: job for id, job in self.records.items() if job.task in TRANSACTIONAL}
        return {id for id, job in jobs.items() if times[id] != (1 if job.state is State.SUCCEEDED else 0)}

    # -- times -------------------------------------------------------------------------------------------------------------

    def rescue_times(self) -> list[float]:
        """Return how long after its fault each job that had begun under a victim began anew, in seconds."""
        times = []
        begun: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.starts):
            begun[run.key].append(run)
        for runs in begun.values():
            for first, second in pairwise(runs):
                at = next((at for at, pid in self.hits if pid == first.pid and first.at <= at <= second.at), None)
                if at is not None:
                    times.append(second.at - at)
        return times


def resumptions(ledger: Ledger) -> dict[str, float]:
    """Return of each round how many seconds after the server's answer a job began that was enqueued since."""
    answered = {line.words[1]: line.at for line in ledger.read("server") if line.words[0] == "answers"}
    begun = {line.words[1]: line.at for line in ledger.read("server") if line.words[0] == "served"}
    return {nth: max(0.0, begun.get(nth, at + NEVER) - at) for nth, at in answered.items()}


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
