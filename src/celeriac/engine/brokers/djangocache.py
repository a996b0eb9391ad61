"""A Django cache as the result store: results by id, for as long as the cache keeps them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from django.core.cache import InvalidCacheBackendError, caches

from celeriac.engine.brokers.base import Capabilities
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured, did_you_mean
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt
from celeriac.engine.translation import gettext as _

PREFIX = "celeriac:result:"
_PLAIN = re.compile(r"[!-~]{1,150}")
"""An id that every cache takes as a part of a key: memcached's are short and have no spaces."""
BRIEF = 5.0
"""Seconds: what is kept no longer may be gone when it is looked for."""
PAUSE = 0.1
"""Seconds before a second try."""
_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Record).decode


class CacheResults:
    """Results in a cache. ``url`` names it and says for how many seconds results of a state are kept: ``cache://default?failed=60``.

    Raises ``ImproperlyConfigured`` for a cache that the project has not.
    """

    capabilities = Capabilities(inspect=False)

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.alias = parts.netloc
        self._ages = {State(state): float(age) for state, age in parse_qsl(parts.query)}
        if self.alias not in caches.settings:
            raise ImproperlyConfigured(no_cache(self.alias))

    @property
    def _cache(self) -> Any:
        """The cache, as this thread has it."""
        return caches[self.alias]

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except InvalidCacheBackendError as error:
            raise ImproperlyConfigured(str(error)) from error
        except Exception as error:  # each cache has errors of its own
            raise BrokerUnavailable(
                _("The cache {alias!r} that keeps the results did not answer: {error}").format(alias=self.alias, error=error)
            ) from error

    def open(self) -> None:
        """Ask the cache something."""
        with self._typed():
            self._cache.get(PREFIX)

    def close(self) -> None:
        """Let go of the connection, where the cache has one."""
        with self._typed():
            self._cache.close()

    def clone(self) -> CacheResults:
        """Return the same: each thread has a connection of its own anyway."""
        return CacheResults(self.url)

    def keep(self, records: Sequence[Record]) -> set[str]:
        """Remember ended jobs. Returns the ids of those that the cache refuses, or has not though it said nothing."""
        refused: set[str] = set()
        lost: set[str] = set()
        for timeout in {self._ages.get(record.job.state) for record in records}:
            ids = {key_of(job.id): job.id for job, _attempts in records if self._ages.get(job.state) == timeout}
            values = {key: _packed(record) for record in records if (key := key_of(record.job.id)) in ids}
            with self._typed():
                failed = self._cache.set_many(values, timeout)
                missing = self._missing({key: value for key, value in values.items() if key not in failed}, timeout)
            refused.update(ids[key] for key in failed)
            lost.update(ids[key] for key in missing)
        if len(refused | lost) == len(records) and (lost or len(records) > 1):
            raise BrokerUnavailable(_("The cache {alias!r} keeps none of the results.").format(alias=self.alias))
        return refused | lost

    def _missing(self, values: Mapping[str, bytes], timeout: float | None) -> Mapping[str, bytes]:
        """Return what was set and is not there, also after a second try.

        A cache may swallow an error (Django's on a database does) or have no room: then a result would be nowhere.
        """
        missing = {} if timeout is not None and timeout < BRIEF else self._unlike(values)
        if missing:
            time.sleep(PAUSE)
            self._cache.set_many(missing, timeout)
            missing = self._unlike(missing)
        return missing

    def _unlike(self, values: Mapping[str, bytes]) -> dict[str, bytes]:
        found = self._cache.get_many(values)
        return {key: value for key, value in values.items() if found.get(key) != value}

    def _read(self, id: str) -> Record | None:
        with self._typed():
            data = self._cache.get(key_of(id))
        try:
            return None if data is None else _unpacked(data)
        except (msgspec.MsgspecError, TypeError):
            return None  # somebody else's

    def get(self, id: str) -> Job | None:
        """Return the whole record."""
        record = self._read(id)
        return None if record is None else record.job

    def attempts(self, id: str) -> list[Attempt]:
        """Return what is kept of the job's attempts."""
        record = self._read(id)
        return [] if record is None else record.attempts

    def forget(self, ids: Iterable[str]) -> int:
        """Delete results by id."""
        with self._typed():
            return sum(bool(self._cache.delete(key_of(id))) for id in ids)

    # -- what a cache cannot -----------------------------------------------------------------------------------------------

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """Find nothing: a cache cannot be searched, which ``capabilities`` say."""
        return []

    def counts(self) -> dict[str, dict[State, int]]:
        """Count nothing."""
        return {}

    def failures(self, seconds: float, limit: int) -> list[Job]:
        """Find nothing."""
        return []

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        """Delete nothing: what is too old, the cache forgets by itself."""
        return 0


def key_of(id: str) -> str:
    """Return the key of a job's result."""
    return PREFIX + (id if _PLAIN.fullmatch(id) else blake2b(id.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest())


def no_cache(alias: str) -> str:
    """Return the sentence about a cache that the project has not."""
    return _(
        'CELERY_RESULT_BACKEND is "django-cache" and CELERY_CACHE_BACKEND names {alias!r}, which CACHES has not.{hint}'
        " Name one of its entries."
    ).format(alias=alias, hint=did_you_mean(alias, list(caches.settings)))
