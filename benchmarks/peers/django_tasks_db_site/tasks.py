"""The job that is measured."""

from __future__ import annotations

from django_tasks import task

from benchmarks.clocks import clock_in


@task()  # type: ignore[untyped-decorator]  # django_tasks is not installed where this is checked
def measured(number: int, text: str) -> int:
    """Clock in."""
    clock_in(number)
    return number
