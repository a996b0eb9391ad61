"""One execution of a job, from its claim to its outcome: the same in a worker and in ``task.apply()``."""
