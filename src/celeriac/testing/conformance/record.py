"""One job, remembered."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    an_outcome,
    claim_one,
    ids,
    known,
    state_of,
)

FIELDS: dict[str, Any] = {
    "root": "root-id", "parent": "parent-id", "group": "group-id", "position": 4, "unique_key": "one", "priority": 3,
    "concurrency_key": "few", "fairness_key": "tenant-7", "headers": {"a": [1, "ü", None]}, "schedule": "nightly",
    "metadata": {"who": {"id": 1.5}}, "progress": {"done": 0}, "nominal": 1_767_225_600.123456,
}  # fmt: skip
"""Of a job, as it is pushed."""


class RecordSuite:
    """One job, remembered."""

    def test_an_unknown_id_has_no_record(self, broker: Engine) -> None:
        assert broker.get("no-such-id") is None
        assert broker.get("") is None
        assert broker.attempts("no-such-id") == []
        assert broker.wait("no-such-id", 0) is None

    def test_a_record_keeps_every_field_it_was_pushed_with(self, broker: Engine) -> None:
        job = a_job(**FIELDS)
        broker.push([job])
        record = known(broker, job.id)
        assert {name: getattr(record, name) for name in FIELDS} == FIELDS
        assert record.state is State.WAITING
        assert (record.attempts, record.charges, record.result, record.finished) == (0, 0, None, None)

    def test_jobs_of_one_push_keep_each_its_own_fields(self, broker: Engine) -> None:
        jobs = [a_job(**{name: value}) for name, value in FIELDS.items()]
        broker.push([*jobs, plain := a_job(), another := a_job(task="another")])
        records = [known(broker, job.id) for job in (*jobs, plain, another)]
        nothing = {name: getattr(a_job(), name) for name in FIELDS}
        expected = [*({**nothing, name: value} for name, value in FIELDS.items()), nothing, nothing]
        assert [{name: getattr(record, name) for name in FIELDS} for record in records] == expected
        assert records[-1].task == "another"

    def test_a_job_that_ran_without_being_enqueued_can_be_remembered(self, broker: Engine) -> None:
        job = a_job(parent="parent-id", headers={"a": 1}, position=2, priority=3)
        broker.remember(job, an_outcome(job, result=b"42", progress={"done": 1}, worker="fig@tree"))
        record = known(broker, job.id)
        assert (record.state, record.result, record.progress, record.worker) == (
            State.SUCCEEDED, b"42", {"done": 1}, "fig@tree",
        )  # fmt: skip
        assert (record.parent, record.headers, record.position, record.priority) == ("parent-id", {"a": 1}, 2, 3)
        assert (record.attempts, record.started is None, record.finished is None) == (1, False, False)
        assert broker.claim([job.queue], 5, a_child(broker)) == []
        assert broker.attempts(job.id) == []
        if broker.capabilities.inspect:
            assert ids(broker.find({"parent": "parent-id"}, 5)) == [job.id]

    def test_a_remembered_failure_keeps_its_attempt(self, broker: Engine) -> None:
        job = a_job()
        broker.remember(job, an_outcome(job, State.FAILED, failure=a_failure("no string left"), result=b"{}"))
        assert [attempt.failure.message for attempt in broker.attempts(job.id) if attempt.failure] == ["no string left"]
        if broker.capabilities.inspect:
            assert ids(broker.find({"state": State.FAILED}, 5)) == [job.id]

    def test_what_was_enqueued_is_not_overwritten_by_remembering(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        broker.remember(job, an_outcome(job))
        assert state_of(broker, job) is State.WAITING

    def test_a_record_follows_its_job(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        states = [state_of(broker, job)]
        broker.release([job.token])
        states.append(state_of(broker, job))
        broker.settle([an_outcome(claim_one(broker, child))])
        states.append(state_of(broker, job))
        assert states == [State.RUNNING, State.WAITING, State.SUCCEEDED]

    @pytest.mark.parametrize("result", [None, b"null", b'"\xc3\xbc"', b"[1]" * 100_000])
    def test_a_result_is_kept_as_it_was(self, broker: Engine, result: bytes | None) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, result=result)])
        assert known(broker, job.id).result == result

    def test_progress_is_replaced_while_the_job_runs(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.report(job.token, {"done": 1, "of": 3}) is True
        assert broker.report(job.token, {"done": 2, "note": "größer"}) is True
        assert known(broker, job.id).progress == {"done": 2, "note": "größer"}
        broker.settle([an_outcome(job)])
        assert broker.report(job.token, {"done": 3}) is False
        assert known(broker, job.id).progress == {"done": 2, "note": "größer"}

    def test_progress_may_hold_a_nul(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.report(job.token, {"line": "a\x00b"}) is True
        progress = known(broker, job.id).progress
        assert progress is not None
        assert progress["line"].startswith("a")
