"""How fast Celeriac and its peers are on this machine, side by side: ``python -m benchmarks``."""
