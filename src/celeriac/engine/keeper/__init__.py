"""The keeper of a worker: leases, rescue, release, promotion, pruning. One duty a file; no user code runs here."""
