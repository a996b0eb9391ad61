"""How fast Celeriac is on this machine: ``python -m benchmarks``."""
