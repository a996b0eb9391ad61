"""A visitor's browser, as small as it can be: cookies, links, and forms with their token."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

TIMEOUT = 15.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Page:
    """What the site answered, and how long that took."""

    url: str
    text: str
    seconds: float

    @property
    def token(self) -> str:
        """The token that a form on this page has to send back."""
        found = _TOKEN.search(self.text)
        if found is None:
            raise LookupError(f"There is no form on {self.url}.")
        return found[1]


class Browser:
    """Follows redirects and keeps cookies, so that it stays signed in."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Page:
        """Open a page."""
        return self._open(urllib.request.Request(self.site + path))

    def get_json(self, path: str) -> dict[str, Any]:
        """Read an address that answers with JSON."""
        answer: dict[str, Any] = json.loads(self.get(path).text)
        return answer

    def submit(self, path: str, on: str, **fields: str) -> Page:
        """Send the form that stands on the page ``on`` to ``path``."""
        filled = fields | {"csrfmiddlewaretoken": self.get(on).token}
        return self._open(urllib.request.Request(self.site + path, data=urllib.parse.urlencode(filled).encode()))

    def _open(self, request: urllib.request.Request) -> Page:
        began = time.monotonic()
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            return Page(answer.url, answer.read().decode(), time.monotonic() - began)
