"""Ends of jobs that the broker decides by itself, for want of an attempt that could. The same for every broker."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from celeriac.engine.brokers.base import Consequences, Verdict
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.codec import encode_failure
from celeriac.engine.job import TRANSITIONS, Job, State, Token
from celeriac.engine.outcome import Attempt, Failure, Outcome


def check_states(outcomes: Sequence[Outcome]) -> None:
    """Raise ``ValueError`` for an outcome in a state that no attempt ends in."""
    for outcome in outcomes:
        if outcome.state not in TRANSITIONS[State.RUNNING]:
            raise ValueError(f"An attempt cannot end in the state {outcome.state.value!r}.")


def worth_keeping(outcome: Outcome) -> bool:
    """Return whether the attempt is remembered: an error, a log, or one attempt of several."""
    return outcome.failure is not None or bool(outcome.log) or (outcome.retried and outcome.counts)


def remembered(job: Job, outcome: Outcome) -> Record:
    """Return the record of a job that has run without being enqueued."""
    ended = msgspec.structs.replace(
        job, state=outcome.state, attempts=job.attempts + outcome.counts, progress=outcome.progress, started=outcome.started,
        finished=outcome.finished, result=outcome.result, worker=outcome.worker, created=job.created or outcome.finished,
    )  # fmt: skip
    attempt = Attempt(
        index=ended.attempts, state=outcome.state, started=outcome.started, finished=outcome.finished, worker=outcome.worker,
        failure=outcome.failure, log=outcome.log,
    )  # fmt: skip
    return Record(ended, [attempt] if worth_keeping(outcome) else [])


def lost(token: Token, started: float, finished: float) -> Outcome:
    """Return the outcome of an at-most-once job whose process died."""
    failure = Failure(
        type="WorkerLostError",
        module="celeriac.exceptions",
        message="The process that ran this job died, and the task has acks_late=False (at most once): it is not run again.",
    )
    return _ended(token, State.FAILED, started, finished, failure)


def poisonous(token: Token, started: float, finished: float, charges: int) -> Outcome:
    """Return the outcome of a job that killed its process too often."""
    failure = Failure(
        type="WorkerLostError",
        module="celeriac.exceptions",
        message=f"{charges} processes died while they ran this job.",
    )
    return Outcome(token=token, state=State.PARKED, started=started, finished=finished, failure=failure, counts=False)


def unwanted(token: Token, now: float) -> Outcome:
    """Return the outcome of a job that somebody cancelled while it was claimed, and that would otherwise start anew."""
    failure = Failure(type="TaskRevokedError", module="celeriac.exceptions", message="revoked")
    return Outcome(token=token, state=State.CANCELLED, started=now, finished=now, failure=failure, counts=False)


def judged(verdict: Verdict, finished: float) -> Outcome:
    """Return the outcome of a job over which its child was killed."""
    outcome = _ended(verdict.token, verdict.state, verdict.started, finished, verdict.failure)
    outcome.worker = verdict.worker
    return outcome


def with_consequences(outcome: Outcome, record: Job | None, consequences: Consequences | None) -> Outcome:
    """Return the outcome with what follows it, where its job has failed."""
    if outcome.state is State.FAILED and outcome.failure is not None and record is not None and consequences is not None:
        outcome.follow_ups = tuple(consequences(record, outcome.failure))
    return outcome


def _ended(token: Token, state: State, started: float, finished: float, failure: Failure) -> Outcome:
    result = encode_failure(failure) if state is State.FAILED else None
    return Outcome(token=token, state=state, started=started, finished=finished, failure=failure, result=result)
