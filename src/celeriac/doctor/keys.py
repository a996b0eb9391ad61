"""Signing and encryption."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from celeriac.doctor.finding import Findings, advice, warning
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

SHORT = 32
LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})


def keys(app: Celery) -> Findings:
    """Make what signs and encrypts: a missing package or a key that cannot be used is said by what raises here."""
    settings = app.settings
    if settings.encryption_keys:
        app.cipher  # noqa: B018 - it is made by being asked for
    for name, given in (("SIGNING_KEYS", settings.signing_keys), ("ENCRYPTION_KEYS", settings.encryption_keys)):
        if any(len(key) < SHORT for key in given or ()):
            text = _("CELERIAC[{name!r}] has a key of fewer than {n} characters, which can be guessed.").format(
                name=name, n=SHORT
            )
            fix = _("Put a longer one first and keep the old behind it until its jobs are gone: {command}")
            yield warning("keys", text, fix.format(command='python -c "import secrets; print(secrets.token_urlsafe(48))"'))


def signatures(app: Celery) -> Findings:
    """A broker that other machines can reach, and jobs that anybody there may write."""
    url = app.settings.broker_url
    parts = urlsplit(url.partition(";")[0])
    host = parts.netloc.rpartition("@")[2].rpartition(":")[0] or parts.netloc.rpartition("@")[2]
    if parts.scheme in ("django", "memory", "unix") or "+socket" in parts.scheme or host.strip("[]") in LOCAL:
        return
    if not app.settings.signing_keys:
        text = _("The broker is on another host, and jobs are not signed: whoever can write to it can have any task run.")
        yield advice("signatures", text, _("Set CELERIAC['SIGNING_KEYS'], and see that only this project may log in there."))
