"""A real Valkey server, for what crosses from a database to a broker outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from celeriac.testing.valkey import MISSING, ValkeyServer, valkey_program


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One server for the whole run."""
    if valkey_program() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with ValkeyServer({"appendfsync": "always"}) as server:  # a test kills it, and what was emptied before must stay so
        yield server
