"""What is done to a server under load, or to the connections with it; and how soon jobs run again once it answers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.chaos.bench import Bench
from tests.chaos.checker import Verdict
from tests.chaos.engines import ServerEngine
from tests.chaos.ledger import wait_for
from tests.chaos.scenarios import PATIENT, Size, Stage, judged
from tests.proxy import Proxy

BETWEEN = 0.3
"""Seconds of work between two faults."""
SHORTEST_LIFE, LONGEST_LIFE = 1, 30_000
"""Bytes after which the proxy cuts a connection: in the greeting, in a request, in an answer, or after some hundred jobs."""


def server(stage: Stage) -> ServerEngine:
    """Return the stage's engine, which has a server: no other plays these scenarios."""
    assert isinstance(stage.engine, ServerEngine)
    return stage.engine


@contextmanager
def busy(stage: Stage, proxy: Proxy | None = None) -> Iterator[Bench]:
    """Yield a bench with two workers, reached through the proxy where there is one."""
    server(stage).start()  # where the run before this one ended in the middle
    settings = None
    if proxy is not None:
        settings = server(stage).behind(stage.engine.settings(stage.name, stage.folder), proxy.port)
    with stage.bench(settings, poison_limit=PATIENT) as bench:
        for _ in range(2):
            bench.start()
        yield bench


def served(bench: Bench, nth: int, since: float) -> None:
    """See that a job runs which is enqueued from ``since`` on, the monotonic time at which the server answered.

    The most urgent one, so that what is measured is not how much waits. The ledger has both times, for the checker.
    """
    bench.ledger.write_at(since, "server", "answers", nth)
    probe = bench.job("noop", key=f"probe-{nth}", priority=9)
    broker = bench.store.clone()
    with suppress(AssertionError):  # where it never begins, the checker says so
        wait_for(lambda: bench.push_all([probe], broker), f"{probe.id} to be accepted")
        bench.ledger.write_at(bench.ledger.await_start(probe.id).at, "server", "served", nth)
    broker.close()


def downtimes(stage: Stage, size: Size) -> list[float]:
    """Return how many seconds the server is away each time: from none to the longest, most of them short, in random order."""
    last = max(size.server_kills - 1, 1)
    times = [size.longest_outage * (nth / last) ** 8 for nth in range(size.server_kills)]
    random.Random(stage.seed).shuffle(times)
    return times


def server_kills(stage: Stage, size: Size) -> Verdict:
    """Kill the server under load and start it again on its data, after 0 seconds to many."""
    with busy(stage) as bench:
        with stage.load(bench):
            for nth, seconds in enumerate(downtimes(stage, size)):
                time.sleep(BETWEEN)
                bench.ledger.write("fault", "outage")
                server(stage).kill()
                time.sleep(seconds)
                server(stage).start()
                served(bench, nth, time.monotonic())
        bench.store.close()
        return judged(bench)


def cuts(stage: Stage, size: Size) -> Verdict:
    """Cut every connection again and again, and each that is made meanwhile after a random number of bytes."""
    with Proxy(server(stage).place(), stage.seed) as proxy, busy(stage, proxy) as bench:
        chance = random.Random(stage.seed)
        with stage.load(bench):
            proxy.cut_after(SHORTEST_LIFE, LONGEST_LIFE)
            for _ in range(size.cuts):
                bench.ledger.write("fault", "cut")
                proxy.cut()
                time.sleep(chance.uniform(0.02, BETWEEN))
            proxy.cut_no_more()
            since = time.monotonic()
            proxy.cut()
            served(bench, 0, since)
        bench.store.close()
        return judged(bench)


def hit_all(bench: Bench, kind: str) -> None:
    """Write down a fault of every process. Who gets through first may judge the others: their leases have run out."""
    bench.ledger.write("fault", kind, *(pid for worker in bench.crew.workers for pid in worker.processes()))


def silences(stage: Stage, size: Size) -> Verdict:
    """Leave every connection half-open: its other end is gone, and nobody is told."""
    with Proxy(server(stage).place(), stage.seed) as proxy, busy(stage, proxy) as bench:
        for nth in range(size.silences):
            with stage.load(bench):
                time.sleep(BETWEEN)
                hit_all(bench, "half-open")
                proxy.silence()
                since = time.monotonic()
            served(bench, nth, since + server(stage).notices_silence)
        bench.store.close()
        return judged(bench)


def exhaustions(stage: Stage, size: Size) -> Verdict:
    """Use up the server's memory, or its connections, for longer than a lease, again and again."""
    with busy(stage) as bench:
        with stage.load(bench):
            for nth in range(size.exhaustions):
                time.sleep(BETWEEN)
                hit_all(bench, "full")
                with server(stage).exhausted():
                    time.sleep(stage.lease + 0.7)
                served(bench, nth, time.monotonic())
        bench.store.close()
        return judged(bench)


ON_A_SERVER: dict[str, Callable[[Stage, Size], Verdict]] = {
    "server-kills": server_kills,
    "cuts": cuts,
    "half-open": silences,
    "full": exhaustions,
}
