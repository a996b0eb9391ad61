"""What TLS refuses, in words that hold for every server, and certificates that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Mapping

from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""The options of a URL that name files."""
CAUSES = (
    (
        ("Hostname mismatch", "IP address mismatch"),
        gettext_noop("its certificate is for another host; write the name that stands in it into the URL."),
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        gettext_noop("its certificate is not to be trusted: name the authority by ?ssl_ca_certs=/path/ca.pem."),
    ),
    (
        ("CERTIFICATE_REQUIRED",),
        gettext_noop("it wants a certificate of yours: ?ssl_certfile=/path/client.crt&ssl_keyfile=/path/client.key."),
    ),
    (
        ("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_", "ALERT_ACCESS_DENIED"),
        gettext_noop("it does not trust your certificate; show one of an authority that it knows by ?ssl_certfile=."),
    ),
    (
        ("EOF occurred in violation of protocol",),
        gettext_noop("it broke TLS off, as one does that wants another certificate of yours: ?ssl_certfile=, ?ssl_keyfile=."),
    ),
)
"""Marks in what OpenSSL says, and what that means. The first that fits counts."""


def unreadable(options: Mapping[str, str]) -> str:
    """Return a sentence about the first file among a URL's options that cannot be read: that would not pass by waiting."""
    for name in FILES:
        path = options.get(name)
        if path and not os.access(path, os.R_OK):
            return _("{name} is {path!r}, which is no file that this process can read.").format(name=name, path=path)
    return ""


def warnings(url: str) -> tuple[str, ...]:
    """Return what is to be said of a server whose certificate nobody looks at."""
    text = _(
        "{url} is reached by TLS, but nobody checks whether it is the server that answers (ssl_cert_reqs): who stands between"
        " can read and change jobs. Name the authority that signed its certificate instead: ?ssl_ca_certs=/path/ca.pem"
    )
    return (text.format(url=url),)
