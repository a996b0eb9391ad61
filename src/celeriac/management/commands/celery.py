"""``manage.py celery worker``, as djcelery had it: the command line of Celeriac."""

from __future__ import annotations

from celeriac.management.commands.celeriac import Command

__all__ = ["Command"]
