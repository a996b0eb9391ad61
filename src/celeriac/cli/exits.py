"""The exit statuses of the commands, after ``sysexits.h`` where that has a word for it; ``docs/cli.md`` lists them."""

from __future__ import annotations

OK = 0
FAILED = 1
"""What was asked for did not come off: a job failed, the doctor found something, a question was answered with no."""
USAGE = 2
"""The command line cannot be understood, or a question cannot be asked."""
UNSUPPORTED = 64
"""A command of Celery's that means nothing here; the answer names what does its work."""
NOT_FOUND = 66
"""No such job, task, queue or worker."""
UNAVAILABLE = 69
"""The broker does not answer, or no worker runs."""
TIMED_OUT = 75
"""The job had not ended in time; it may still end."""
CONFIGURATION = 78
"""There is no project here, or its settings or tables are not as they must be."""
INTERRUPTED = 130
"""Ctrl-C."""
