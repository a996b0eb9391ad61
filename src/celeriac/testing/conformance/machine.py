"""The same promises, driven by Hypothesis: two children, a tiny model, and every order of events it can think of.

Checks after each step that a job is where the model says (invariant 1: nothing is lost), that what has ended never changes
again (1 and 2: one terminal transition), and that a token is worth something exactly while its claim is held (4).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule, run_state_machine_as_test

from celeriac.engine.brokers.base import Cancel
from celeriac.engine.job import TERMINAL, Job, State, Token
from celeriac.engine.outcome import Outcome
from celeriac.testing.conformance.scenario import Engine, a_child, a_job, a_worker, an_outcome, ids, known

LIMIT = 2
"""Charges at which the machine's rescues park a job: low, so that it happens."""

FAR = 86_400.0

ENDINGS = st.sampled_from([*sorted(TERMINAL), State.PARKED, State.WAITING, State.SCHEDULED])
SLOTS = st.sampled_from([0, 1])


@dataclass
class Expected:
    """What the model knows of one job."""

    state: State
    token: Token | None = None
    begun: bool = False
    revoked: bool = False
    doomed: bool = False
    charges: int = 0
    due: bool = True

    def go_back(self) -> None:
        """The claim ends without an outcome."""
        self.state = State.CANCELLED if self.revoked else State.WAITING
        self.token, self.begun, self.revoked, self.doomed = None, False, False, False


class BrokerMachine(RuleBasedStateMachine):
    """Two children of one worker on a queue of their own. A dead child is replaced by a new one at once."""

    claims = Bundle("claims")
    """Claimed jobs. Rules use them long after the claim was lost, too: that is what a token is for."""

    def __init__(self, broker: Engine) -> None:
        super().__init__()
        self.broker = broker
        self.queue = f"machine-{uuid.uuid4().hex}"
        self.model: dict[str, Expected] = {}
        self.order: list[str] = []
        self.ended: dict[str, Job] = {}
        self.children: list[str] = []
        self.worker = ""

    @initialize()
    def hire(self) -> None:
        """Start the worker and its children."""
        self.worker = a_worker(self.broker)
        self.children = [a_child(self.broker, self.worker) for _ in range(2)]

    # -- producers ---------------------------------------------------------------------------------------------------------

    def _expect(self, job: Job, due: bool = True) -> None:
        self.model[job.id] = Expected(job.state, due=due)
        self.order.append(job.id)

    @rule(number=st.integers(1, 4))
    def push(self, number: int) -> None:
        """Push new jobs."""
        jobs = [a_job(queue=self.queue) for _ in range(number)]
        self.broker.push(jobs)
        for job in jobs:
            self._expect(job)

    @rule(due=st.booleans())
    def push_scheduled(self, due: bool) -> None:
        """Push a job for later, or for earlier."""
        job = a_job(queue=self.queue, state=State.SCHEDULED, run_at=time.time() + (-60 if due else FAR))
        self.broker.push([job])
        self._expect(job, due)

    @rule(data=st.data())
    def push_again(self, data: st.DataObject) -> None:
        """Push an id that exists, wherever its job is by now."""
        if self.order:
            self.broker.push([a_job(data.draw(st.sampled_from(self.order)), queue=self.queue)])

    # -- children ----------------------------------------------------------------------------------------------------------

    @rule(slot=SLOTS, limit=st.integers(1, 3), target=claims)
    def claim(self, slot: int, limit: int) -> Any:
        """Claim: exactly the oldest waiting jobs."""
        jobs = self.broker.claim([self.queue], limit, self.children[slot])
        waiting = [id for id in self.order if self.model[id].state is State.WAITING]
        assert sorted(ids(jobs)) == sorted(waiting[:limit])
        for job in jobs:
            self.model[job.id].state, self.model[job.id].token = State.RUNNING, job.token
        return jobs

    def _is_held(self, job: Job) -> bool:
        return self.model[job.id].token == job.token

    @rule(jobs=claims)
    def begin(self, jobs: list[Job]) -> None:
        """Begin, perhaps long after the claim was lost."""
        held = {job.token for job in jobs if self._is_held(job)}
        assert self.broker.begin([job.token for job in jobs]) == held
        for job in jobs:
            self.model[job.id].begun |= job.token in held

    @rule(jobs=claims, state=ENDINGS, data=st.data())
    def settle(self, jobs: list[Job], state: State, data: st.DataObject) -> None:
        """Settle a batch of which some may be lost, with a follow-up each."""
        steps = {job.id: a_job(f"{job.id}/{job.delivery}"[-255:], queue=self.queue) for job in jobs}
        with_steps = data.draw(st.booleans())
        due = data.draw(st.booleans())
        run_at = time.time() + (-60 if due else FAR) if state is State.SCHEDULED else None
        outcomes = [
            an_outcome(job, state, run_at=run_at, follow_ups=(steps[job.id],) if with_steps and state in TERMINAL else ())
            for job in jobs
        ]
        refused = self.broker.settle(outcomes)
        assert refused == {job.token for job in jobs if not self._is_held(job)}
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.token not in refused:
                self._settled(job, outcome, due)

    def _settled(self, job: Job, outcome: Outcome, due: bool) -> None:
        went_back = outcome.state in (State.SCHEDULED, State.WAITING)
        waits = outcome.state is State.WAITING or (outcome.state is State.SCHEDULED and due)
        before = self.model[job.id]
        charges = 0 if went_back else before.charges
        state = State.CANCELLED if went_back and before.revoked else State.WAITING if waits else outcome.state
        self.model[job.id] = Expected(state, charges=charges, due=due)
        for step in outcome.follow_ups:
            self._expect(step)

    @rule(jobs=consumes(claims))
    def forget_claim(self, jobs: list[Job]) -> None:
        """Drop a claim from the bundle, so that newer ones are drawn more often."""

    # -- keeper and people -------------------------------------------------------------------------------------------------

    def _held_by(self, child: str) -> list[Expected]:
        return [expected for expected in self.model.values() if expected.token and expected.token.child == child]

    @rule(jobs=claims)
    def release(self, jobs: list[Job]) -> None:
        """Give back claims, perhaps begun or lost long ago."""
        back = [job for job in jobs if self._is_held(job) and not self.model[job.id].begun]
        assert self.broker.release([job.token for job in jobs]) == len(back)
        for job in back:
            self.model[job.id].go_back()

    @rule(slot=SLOTS)
    def rescue(self, slot: int) -> None:
        """Declare a child dead, and start another."""
        child = self.children[slot]
        held = self._held_by(child)
        assert self.broker.rescue(child, limit=LIMIT) == len(held)
        for expected in held:
            self._rescued(expected)
        self.children[slot] = a_child(self.broker, self.worker)

    def _rescued(self, expected: Expected) -> None:
        expected.charges += expected.begun
        poisonous = expected.begun and expected.charges >= LIMIT and not expected.revoked
        expected.go_back()
        if poisonous:
            expected.state = State.PARKED

    @rule()
    def promote(self) -> None:
        """Let what is due wait."""
        self.broker.promote(1_000)
        for expected in self.model.values():
            if expected.state is State.SCHEDULED and expected.due:
                expected.state = State.WAITING

    @rule(data=st.data(), terminate=st.booleans())
    def cancel(self, data: st.DataObject, terminate: bool) -> None:
        """Cancel any job that ever was."""
        if not self.order:
            return
        id = data.draw(st.sampled_from(self.order))
        expected = self.model[id]
        changed = self.broker.control(Cancel(ids=(id,), terminate=terminate))
        if expected.state is State.RUNNING:
            assert terminate or changed == 0
            expected.revoked, expected.doomed = True, expected.doomed or terminate
        else:
            assert changed == (expected.state not in TERMINAL)
            expected.state = expected.state if expected.state in TERMINAL else State.CANCELLED

    # -- invariants --------------------------------------------------------------------------------------------------------

    @invariant()
    def every_job_is_where_the_model_says(self) -> None:
        """Invariant 1: an accepted job has ended or is still live, and nothing else happened to it."""
        assert {id: known(self.broker, id).state for id in self.order} == {id: self.model[id].state for id in self.order}

    @invariant()
    def what_has_ended_never_changes_again(self) -> None:
        """Invariants 1 and 2: one terminal transition, one result."""
        for id in self.order:
            if self.model[id].state in TERMINAL:
                record = known(self.broker, id)
                assert self.ended.setdefault(id, record) == record

    @invariant()
    def what_a_child_holds_is_what_it_claimed(self) -> None:
        """Invariant 4: exactly the tokens of claims that are not lost."""
        for child in self.children:
            assert self.broker.held(child) == {expected.token for expected in self._held_by(child)}
        if self.worker:
            doomed = {expected.token for expected in self.model.values() if expected.doomed}
            assert self.broker.doomed(self.worker) == doomed

    @invariant()
    def charges_are_those_of_begun_jobs(self) -> None:
        """Invariant 8, for what is still to run."""
        live = [id for id in self.order if self.model[id].state in (State.WAITING, State.RUNNING)]
        assert {id: known(self.broker, id).charges for id in live} == {id: self.model[id].charges for id in live}

    def teardown(self) -> None:
        """Leave nothing that the next example could stumble over."""
        if self.worker:
            self.broker.leave(self.worker)
        self.broker.control(Cancel(ids=tuple(self.order)))


class MachineSuite:
    """Runs the machine on a broker. ``examples`` and ``steps`` are there to be lowered for slow servers."""

    examples = 60
    steps = 40

    def test_no_order_of_events_breaks_a_promise(self, broker: Engine) -> None:
        run_state_machine_as_test(
            lambda: BrokerMachine(broker),  # type: ignore[arg-type]  # Hypothesis calls any factory
            settings=settings(
                max_examples=self.examples,
                stateful_step_count=self.steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
