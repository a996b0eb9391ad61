"""The command line: ``celeriac`` and ``python -m celeriac``; ``manage.py celeriac`` is the same code."""

from __future__ import annotations

from celeriac.cli.main import main

__all__ = ["main"]
