"""Celeriac's pages in Django's admin: one file a noun."""

from __future__ import annotations

from celeriac.admin.jobs import JobAdmin
from celeriac.admin.periodic import PeriodicTaskAdmin
from celeriac.admin.queues import QueueAdmin
from celeriac.admin.workers import WorkerAdmin

__all__ = ["JobAdmin", "PeriodicTaskAdmin", "QueueAdmin", "WorkerAdmin"]
