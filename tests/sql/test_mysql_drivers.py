"""Both drivers that Django can use for MariaDB and MySQL carry the engine: mysqlclient, and PyMySQL in its place."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest
from django.db import connections

from tests.conformance.conftest import empty

pytestmark = pytest.mark.mariadb

# One process has one driver, so each is tried in a process of its own: every kind of statement once.
PROGRAM = """
import json, sys
driver, settings = sys.argv[1], json.loads(sys.argv[2])
if driver == "pymysql":
    import pymysql
    pymysql.install_as_MySQLdb()
import django
from django.conf import settings as conf
conf.configure(DATABASES={"default": settings}, INSTALLED_APPS=["celeriac"], USE_TZ=True)
django.setup()
from django.db import connection, transaction
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome
caller, worker = SQLBroker("default"), SQLBroker("default", private=True)
payload = bytes(range(256)) * 4000
with transaction.atomic():
    caller.push([a_job(id="one", payload=payload, headers={"\U0001f33f": "\u00e9'%s"})])
caller.push([a_job(id="one"), a_job(id="two"), a_job(id="two"), a_job(id="three")])
caller.push([a_job(id="two")])
jobs = worker.claim(["default"], 10, a_child(worker))
refused = worker.settle([an_outcome(job, result=payload) for job in jobs] + [an_outcome(jobs[0])])
kept = caller.get("one")
connection.ensure_connection()
print(json.dumps({
    "driver": type(connection.connection).__module__.split(".")[0],
    "ids": [job.id for job in jobs],
    "whole": jobs[0].payload == payload and kept.result == payload and kept.headers == {"\U0001f33f": "\u00e9'%s"},
    "refused": len(refused),
    "state": kept.state,
}))
worker.close()
"""


@pytest.mark.parametrize("alias", ["mariadb"], indirect=True)
@pytest.mark.parametrize("driver", ["MySQLdb", "pymysql"])
def test_a_job_travels_whole_with_either_driver(alias: str, driver: str) -> None:
    package = "mysqlclient" if driver == "MySQLdb" else "PyMySQL"
    try:
        importlib.metadata.version(package)  # not find_spec: this process may have PyMySQL in the place of MySQLdb
    except importlib.metadata.PackageNotFoundError:
        missing = f"{package} is missing: pip install {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    empty(alias)
    place = {name: connections.databases[alias][name] for name in ("ENGINE", "HOST", "PORT", "USER", "NAME")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, driver, json.dumps(place)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "driver": driver, "ids": ["one", "two", "three"], "whole": True, "refused": 0, "state": "succeeded",
    }  # fmt: skip
