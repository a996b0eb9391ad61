"""Parents and children of jobs, and what is kept of each: celery.md 1.4, ``result_extended`` and ``result_expires`` of 1.9."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.job import State
from celeriac.exceptions import IncompleteStream, NotInThisVersion
from celeriac.result import AsyncResult
from tests.unit.conftest import Worker


def test_children_are_the_jobs_that_a_job_enqueued_in_their_order(app: Celery, worker: Worker) -> None:
    leaf = app.task(name="leaf")(lambda n: n)

    @app.task(bind=True)
    def branch(self: Any) -> list[str]:
        leaf.delay(1)
        app.send_task("leaf", (2,))
        leaf.bulk([(3,), (4,)])
        return [child.id for child in self.request.children]

    result = branch.delay()
    assert result.children == []
    worker.run_all()
    children = result.children
    assert [child.get() for child in children] == [1, 2, 3, 4]
    assert {child.id for child in children} >= set(result.get())
    assert [child.parent for child in children] == [result] * 4
    assert (result.parent, children[0].children) == (None, [])


def test_grandchildren_know_their_parent_and_their_root(app: Celery, worker: Worker) -> None:
    seen: list[Any] = []
    leaf = app.task(name="leaf", bind=True)(lambda self: seen.append((self.request.parent_id, self.request.root_id)))
    middle = app.task(name="middle")(lambda: leaf.delay().id)
    root = app.task(name="root")(lambda: middle.delay().id).delay()
    worker.run_all()
    between = AsyncResult[Any](root.get(), app=app)
    assert seen == [(between.id, root.id)]
    assert AsyncResult[Any](between.get(), app=app).parent.parent == root


@pytest.mark.parametrize("extended", [False, True])
def test_name_arguments_worker_retries_and_queue_are_kept_whatever_result_extended_says(
    app: Celery, worker: Worker, extended: bool
) -> None:
    app.conf.result_extended = extended

    @app.task(name="t", bind=True, queue="mail", default_retry_delay=0)
    def body(self: Any, n: int, to: str) -> int:
        if self.request.retries < 2:
            raise self.retry()
        return n

    result = AsyncResult[Any](body.delay(1, to="x").id, app=app)
    worker.run_all("mail")
    assert (result.name, result.args, result.kwargs, result.worker, result.retries, result.queue) == (
        "t", [1], {"to": "x"}, "w@test", 2, "mail",
    )  # fmt: skip
    assert result.date_done is not None


def test_results_are_kept_as_long_as_result_expires_says(app: Celery) -> None:
    assert app.settings.ages[State.SUCCEEDED] == 86_400.0
    app.conf.result_expires = 3600
    assert app.settings.ages[State.SUCCEEDED] == 3600.0
    for never in (None, 0):
        app.conf.result_expires = never
        assert State.SUCCEEDED not in app.settings.ages, "kept for ever"


def test_a_result_past_its_age_is_forgotten_and_a_younger_one_is_not(app: Celery, worker: Worker, clock: Any) -> None:
    app.conf.result_expires = 3600
    task = app.task(name="t")(lambda: 1)
    old = task.delay()
    worker.run_all()
    clock.advance(3000)
    young = task.delay()
    worker.run_all()
    clock.advance(1000)
    worker.broker.prune({State(state): age for state, age in app.settings.ages.items()}, 100)
    assert (AsyncResult[Any](old.id, app=app).exists(), AsyncResult[Any](young.id, app=app).get()) == (False, 1)


def test_the_tree_of_results_is_walked_with_each_ones_parent_and_is_incomplete_while_one_runs(
    app: Celery, worker: Worker
) -> None:
    leaf = app.task(name="leaf")(lambda n: n)
    root = app.task(name="root")(lambda: [leaf.delay(1).id, leaf.delay(2).id]).delay()
    with pytest.raises(IncompleteStream, match=root.id):
        list(root.iterdeps())
    assert list(root.iterdeps(intermediate=True)) == [(None, root)]
    worker.run_all()
    assert list(root.iterdeps()) == [(None, root), *((root, child) for child in root.children)]


def test_a_promise_is_refused_with_what_to_use_instead(app: Celery) -> None:
    with pytest.raises(NotInThisVersion, match="Use link= and link_error="):
        AsyncResult[Any]("j1", app=app).then(print)
