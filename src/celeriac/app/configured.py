"""An app's settings: where they come from, and when they are read."""

from __future__ import annotations

import os
from typing import Any

from celeriac import signals
from celeriac.conf import Conf, Reading, Settings
from celeriac.conf.reading import Source, django_settings, django_source, source_of
from celeriac.conf.routes import Router
from celeriac.engine.encryption import Cipher
from celeriac.engine.signing import Signer
from celeriac.engine.translation import gettext as _


class Configured:
    """The part of an app that knows the settings. They are read at their first use."""

    def __init__(self, source: tuple[Any, str | None] | None) -> None:
        self._source = source
        self._router: tuple[int, Router] | None = None
        self._signer: tuple[int, Signer | None] = (-1, None)
        self._cipher: tuple[int, Cipher | None] = (-1, None)
        self.on_configure = signals.Signal("app.on_configure")
        self.on_after_configure = signals.Signal("app.on_after_configure")
        self.conf = Conf(self._sources, self._configured)

    def config_from_object(self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None) -> None:
        """Read the settings of an object, a module or a dict, or of what a dotted name names, at their first use.

        With ``namespace="CELERY"`` only names that begin with ``CELERY_``. Raises ``ImproperlyConfigured``, with ``force`` at
        once.
        """
        self._source = (obj, namespace)
        self.conf.forget()
        if force:
            self.conf.read()

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> None:
        """``config_from_object`` with the name that an environment variable holds."""
        name = os.environ.get(variable_name)
        if name:
            self.config_from_object(name, force=force)
        elif not silent:
            raise LookupError(
                _("The environment variable {variable_name} is not set; it should name a module of settings.").format(
                    variable_name=variable_name
                )
            )

    def add_defaults(self, fun: Any) -> None:
        """Set what holds where the project says nothing."""
        self.conf.add_defaults(fun)

    @property
    def settings(self) -> Settings:
        """The validated settings. Raises ``ImproperlyConfigured``."""
        return self.conf.settings

    def reading(self) -> Reading:
        """Return the settings with their errors, warnings and notes, raising nothing: for system checks and start-up texts."""
        return self.conf.read()

    def _sources(self) -> tuple[list[Source], Any, str | None]:
        """Return what the project wrote: Celery's names, the dict ``CELERIAC``, and Django's time zone."""
        self.on_configure.send(sender=self)
        django = django_settings()
        source = django_source() if self._source is None else source_of(*self._source)
        sources = [source] if source is not None else []
        return sources, getattr(django, "CELERIAC", None), getattr(django, "TIME_ZONE", None)

    def _configured(self, settings: Settings) -> None:
        """The settings were read, or one was changed."""

    @property
    def signer(self) -> Signer | None:
        """What signs the jobs that this process enqueues; None without ``SIGNING_KEYS``."""
        version = self.conf.version
        if self._signer[0] != version:
            keys = self.settings.signing_keys
            self._signer = (version, Signer(keys) if keys else None)
        return self._signer[1]

    @property
    def cipher(self) -> Cipher | None:
        """What reads encrypted arguments and results; None without ``ENCRYPTION_KEYS``."""
        version = self.conf.version
        if self._cipher[0] != version:
            keys = self.settings.encryption_keys
            self._cipher = (version, Cipher(keys) if keys else None)
        return self._cipher[1]

    @property
    def router(self) -> Router:
        """The task routes."""
        version = self.conf.version
        if self._router is None or self._router[0] != version:
            self._router = (version, Router(self.settings.routes))
        return self._router[1]
