"""``current_app`` and ``current_task``: names that stand for whatever they are at the moment of use."""

from __future__ import annotations

from typing import Any

from celeriac import current
from celeriac.local import Proxy

current_app: Any = Proxy(current.current_app)
current_task: Any = Proxy(current.current_task)
