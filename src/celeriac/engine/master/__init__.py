"""The process at the head of a worker, one duty a file. It imports nothing of the project and has no connections."""
