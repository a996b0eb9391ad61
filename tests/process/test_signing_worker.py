"""Signing and encryption through a real worker: what the project enqueued runs, and what somebody else wrote does not."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.encryption import Cipher, is_encrypted, result_of
from celeriac.engine.job import State
from tests.process.smallsite import ALIAS, Project

pytestmark = pytest.mark.process

KEYS = "CELERIAC = {'SIGNING_KEYS': ['the key that signs'], 'ENCRYPTION_KEYS': ['the key that hides']}"
CALLER = """
import django
django.setup()
from shop.tasks import add, add_async, again
print(add.delay(20, 22).id, add_async.delay(20, 22).id, again.delay(41).id)
"""
TASKS = """

@shared_task(bind=True)
def again(self, number):
    if not self.request.retries:
        self.retry(args=(number + 1,), countdown=0)
    return [number]
"""


def test_what_the_project_enqueued_runs_and_a_row_that_somebody_wrote_is_parked(site: Project) -> None:
    site.configure(KEYS)
    site.add_tasks(TASKS)
    forged = site.push("shop.tasks.add", 1, 2)
    caller = site.start("-c", CALLER, DJANGO_SETTINGS_MODULE="proj.settings")
    assert caller.wait() == 0, caller.printed()
    worker = site.worker()
    for id in caller.printed().split():
        job = site.ended(id)
        assert job.state is State.SUCCEEDED
        assert is_encrypted(job.payload)
        assert is_encrypted(job.result or b"")
        assert result_of(job, Cipher(["the key that hides"]))[0] == 42
    assert site.ended(forged).state is State.PARKED
    [attempt] = SQLBroker(ALIAS).attempts(forged)
    assert attempt.failure is not None
    assert "it is not signed" in attempt.failure.message
    assert worker.stop() == 0
