"""A worker that is started on a Redis server that will not do says so and ends, instead of waiting for what cannot pass."""

from __future__ import annotations

import pytest

from tests.process.smallsite import Project
from tests.redis.oldserver import OldServer

pytestmark = pytest.mark.process


def test_a_worker_refuses_an_older_server_and_names_its_version_and_the_way_out(project: Project) -> None:
    with OldServer("6.0.16") as old:
        project.configure(f"CELERY_BROKER_URL = {old.url!r}")
        worker = project.start("manage.py", "celeriac", "worker", "-c", "1")
        assert worker.wait() != 0
    assert "is Redis 6.0.16; Celeriac needs Redis 6.2 or later" in worker.printed()
    assert 'CELERY_BROKER_URL = "django://default"' in worker.printed()
    assert "Traceback" not in worker.printed()
