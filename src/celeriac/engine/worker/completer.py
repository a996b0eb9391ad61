"""Outcomes on their way to the broker: collected by whoever ran the job, settled in batches.

Owned by two threads: any thread that runs bodies adds; the child's main thread takes and settles between jobs, the flusher's
thread does the same while the main thread is inside a long body. ``_lock`` guards the taking, so a batch is settled by one of
them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from celeriac.engine.codec import encode_failure
from celeriac.engine.errors import BrokerUnavailable, ChildIsDead
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Failure, Outcome

logger = logging.getLogger("celeriac.worker")


class Completer:
    """Collects outcomes and settles them. ``on_added`` is called after each one (from any thread)."""

    def __init__(self, on_added: Callable[[], None] | None = None) -> None:
        self._pending: deque[Outcome] = deque()  # append and popleft are atomic: adding needs no lock
        self._lock = Lock()
        self.on_added = on_added

    def __len__(self) -> int:
        return len(self._pending)

    def age(self) -> float:
        """Return how many seconds the oldest outcome has waited; 0 when there is none."""
        try:
            return time.time() - self._pending[0].finished
        except IndexError:
            return 0.0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome in."""
        if not outcome.settled:
            self._pending.append(outcome)
        if self.on_added is not None:
            self.on_added()

    @contextmanager
    def quiet(self) -> Iterator[bool]:
        """Keep everybody from settling for a moment. Yields whether nothing was left to settle."""
        with self._lock:
            yield not self._pending

    def settle(self, broker: Any) -> int:
        """Settle everything collected so far on ``broker``. Returns how many outcomes were sent.

        Raises ``BrokerUnavailable`` with everything kept for the next call: a repeat is harmless, since a token settles once.
        """
        with self._batch() as batch:
            refused = self._settle(broker, batch) if batch else ()
        _warn(refused)
        return len(batch)

    def exchange(self, broker: Any, queues: Sequence[str], room: int, child: str) -> Sequence[Job]:
        """Settle everything collected so far and claim up to ``room`` jobs, in one operation. Returns the jobs.

        Raises as ``settle`` does, and ``ChildIsDead``.
        """
        with self._batch() as batch:
            refused, jobs = self._exchange(broker, batch, (queues, room, child))
        _warn(refused)
        return jobs

    @contextmanager
    def _batch(self) -> Iterator[list[Outcome]]:
        """Take what was collected; where it cannot be settled it is put back."""
        with self._lock:
            batch = [self._pending.popleft() for _ in range(len(self._pending))]
            try:
                yield batch
            except BaseException:
                self._pending.extendleft(reversed(batch))
                raise

    def _exchange(self, broker: Any, batch: list[Outcome], claim: tuple[Any, ...]) -> tuple[set[Token], Sequence[Job]]:
        try:
            exchanged: tuple[set[Token], Sequence[Job]] = broker.exchange(batch, *claim)
        except (BrokerUnavailable, ChildIsDead):
            raise
        except Exception:
            logger.exception("A batch of %d outcomes could not be written with a claim; it is tried without.", len(batch))
            return self._settle(broker, batch), ()
        return exchanged

    def _settle(self, broker: Any, batch: list[Outcome]) -> set[Token]:
        try:
            refused: set[Token] = broker.settle(batch)
        except BrokerUnavailable:
            raise
        except Exception:
            logger.exception("A batch of %d outcomes could not be written; each is tried alone.", len(batch))
            return {token for outcome in batch for token in self._settle_one(broker, outcome)}
        return refused

    def _settle_one(self, broker: Any, outcome: Outcome) -> set[Token]:
        try:
            refused: set[Token] = broker.settle([outcome])
        except BrokerUnavailable:
            raise
        except Exception as error:
            # The last resort holds nothing that came from the task, so whatever it was that the store refused is gone.
            logger.exception(
                "The outcome of job %s could not be written; the job is failed with that reason.", outcome.token.number
            )
            failure = Failure(type=type(error).__name__, module="celeriac", message="The store refused this job's outcome.")
            bare = Outcome(
                token=outcome.token, state=State.FAILED, started=outcome.started, finished=outcome.finished,
                failure=failure, result=encode_failure(failure), worker=outcome.worker,
            )  # fmt: skip
            refused = broker.settle([bare])
        return refused


def _warn(refused: Iterable[Token]) -> None:
    for token in refused:
        logger.warning(
            "stale_ack: the claim of job %s (delivery %s) was lost to another worker; this attempt is not recorded.",
            token.number,
            token.delivery,
        )
