"""Settings: one validated object.

``settings.py`` holds it, ``reading.py`` makes it of Django's and Celery's names, ``view.py`` shows it as ``app.conf``.
"""

from __future__ import annotations

from celeriac.conf.reading import Reading, read_settings
from celeriac.conf.settings import Settings
from celeriac.conf.view import Conf

__all__ = ["Conf", "Reading", "Settings", "read_settings"]
