"""A real Valkey server, for what crosses from a database to a broker outside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from celeriac.testing.valkey import ValkeyServer, require_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One server for the whole run."""
    require_valkey()
    with ValkeyServer({"appendfsync": "always"}) as server:  # a test kills it, and what was emptied before must stay so
        yield server
