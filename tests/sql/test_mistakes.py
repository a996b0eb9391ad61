"""A mistake in the URL of a database is said with what there is instead."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.factory import connect
from celeriac.engine.errors import ImproperlyConfigured


def test_an_alias_that_the_project_has_not_is_said_with_the_nearest() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Did you mean 'default'\? There are: .*default"):
        connect("django://defualt")
