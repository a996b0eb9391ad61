"""Settings: one validated object (``settings.py``), read from Django's and Celery's names (``reading.py``), shown under
Celery's names as ``app.conf`` (``view.py``).
"""

from __future__ import annotations

from celeriac.conf.reading import Reading, read_settings
from celeriac.conf.settings import Settings
from celeriac.conf.view import Conf

__all__ = ["Conf", "Reading", "Settings", "read_settings"]
