"""System checks: what ``manage.py check`` says about Celeriac's settings and the database it uses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register  # noqa: A004 - Django's name
from django.db import connections
from django.utils.module_loading import import_string

from celeriac.beat.checking import unknown_task
from celeriac.beat.declaring import declared
from celeriac.compat.companions import REPLACEMENTS
from celeriac.conf import Reading
from celeriac.current import current_app
from celeriac.engine.brokers.djangocache import no_cache
from celeriac.engine.brokers.factory import CACHE, RABBIT, REDIS, maker_of
from celeriac.engine.brokers.rabbitmq.address import store_of
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _
from celeriac.outbox import no_database

REDIS_CACHES = frozenset({
    "django.core.cache.backends.redis.RedisCache", "django_redis.cache.RedisCache", "django_valkey.cache.ValkeyCache",
})  # fmt: skip
LONELY_CACHES = frozenset({"django.core.cache.backends.locmem.LocMemCache", "django.core.cache.backends.dummy.DummyCache"})
TRANSACTION_MODE = (
    '\n\n    "OPTIONS": {\n'
    '        "transaction_mode": "IMMEDIATE",\n'
    '        "timeout": 20,\n'
    '        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",\n'
    "    },"
)


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Errors and warnings of the settings, each with the nearest name, and what is accepted without effect."""
    reading: Reading = current_app().conf.read()
    return [
        *(Error(text, id="celeriac.E001") for text in reading.errors),
        *(Warning(text, id="celeriac.W001") for text in reading.warnings),
        *(Info(text, id="celeriac.I001") for text in reading.notes),
    ]


def check_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The URL names a broker that there is. SQLite begins transactions as writing ones, or processes lock each other out."""
    reading: Reading = current_app().conf.read()
    url = reading.settings.broker_url
    if reading.errors:
        return []
    try:
        maker_of(url)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="celeriac.E002")]
    if not url.startswith("django://"):
        return []
    alias = url.removeprefix("django://").strip("/") or "default"
    if alias not in connections.databases:
        known = ", ".join(sorted(connections.databases))
        return [
            Error(
                _("CELERY_BROKER_URL is {url!r}, and DATABASES has no {alias!r}. There are: {known}.").format(
                    url=url, alias=alias, known=known
                ),
                id="celeriac.E002",
            )
        ]
    return _check_sqlite(alias)


def _check_sqlite(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "sqlite" or _in_memory(str(connection.settings_dict["NAME"])):
        return []
    mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode") or "DEFERRED").upper()
    if mode in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    return [
        Warning(
            _(
                "The SQLite database {alias!r} begins its transactions in mode {mode}. When one of them turns from"
                " reading to writing while another process writes, SQLite answers 'database is locked' at once."
            ).format(alias=alias, mode=mode),
            hint=_("Add to DATABASES[{alias!r}]:").format(alias=alias) + TRANSACTION_MODE,
            id="celeriac.W002",
        )
    ]


def check_outbox(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The outbox of a broker that is not a database is in one of the project's databases."""
    reading: Reading = current_app().conf.read()
    alias = reading.settings.outbox
    if reading.errors or alias is None or alias in connections.databases or reading.settings.broker_url.startswith("django:"):
        return []
    return [Error(no_database(alias), id="celeriac.E003")]


def check_results(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Results that are elsewhere are in a database or a cache of the project, and one that every process sees."""
    reading: Reading = current_app().conf.read()
    url = None if reading.errors else reading.settings.results
    if url is None:
        return []
    if url.startswith(f"{CACHE}:"):
        return _check_result_cache(urlsplit(url).netloc)
    alias = urlsplit(url).netloc or "default"
    if not url.startswith("django:") or alias in connections.databases:
        return []
    known = ", ".join(sorted(connections.databases))
    text = _("CELERY_RESULT_BACKEND is {url!r}, and DATABASES has no {alias!r}. There are: {known}.")
    return [Error(text.format(url=url, alias=alias, known=known), id="celeriac.E006")]


def _check_result_cache(alias: str) -> list[CheckMessage]:
    if alias not in settings.CACHES:
        return [Error(no_cache(alias), id="celeriac.E006")]
    backend = settings.CACHES[alias].get("BACKEND")
    if not _is_one_of(LONELY_CACHES, backend):
        return []
    text = _("Results are kept in the cache {alias!r}, which is {backend}: what a worker keeps there, no other process sees.")
    hint = _("Name another entry of CACHES in CELERY_CACHE_BACKEND, such as one on a database, files, memcached or Redis.")
    return [Warning(text.format(alias=alias, backend=backend), hint=hint, id="celeriac.W003")]


def check_caches(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A cache in the Redis database of the broker or the results would erase them: its ``clear()`` is FLUSHDB."""
    reading: Reading = current_app().conf.read()
    if reading.errors:
        return []
    return [
        *_caches_in(
            _jobs_of(reading.settings.broker_url),
            _("The cache {alias!r} is in the Redis database that keeps the jobs, and its clear() empties it: FLUSHDB."),
        ),
        *_caches_in(
            reading.settings.results or "",
            _("The cache {alias!r} is in the Redis database that keeps the results, and its clear() empties it: FLUSHDB."),
        ),
    ]


def _jobs_of(url: str) -> str:
    """Return the URL of what has the jobs: the broker's, or that of the store behind RabbitMQ."""
    return store_of(url) if url.partition(":")[0].lower() in RABBIT else url


def _caches_in(url: str, text: str) -> list[CheckMessage]:
    """Return an error for each cache that is where this URL says."""
    if url.partition(":")[0].lower() not in REDIS:
        return []
    try:
        from celeriac.engine.brokers.redis.address import places  # its driver only where it is used
    except ModuleNotFoundError:
        return []  # whoever connects is told what to install
    return [
        Error(
            text.format(alias=alias),
            hint=_("Give CACHES[{alias!r}] another database number in its LOCATION.").format(alias=alias),
            id="celeriac.E005",
        )
        for alias, location in _redis_caches()
        if places(url) & places(location)
    ]


def _redis_caches() -> Iterator[tuple[str, str]]:
    """Yield each cache on Redis, with the URL of each of its servers."""
    for alias, cache in settings.CACHES.items():
        if not _is_one_of(REDIS_CACHES, cache.get("BACKEND")):
            continue
        locations = cache.get("LOCATION") or ()
        urls = re.split("[;,]", locations) if isinstance(locations, str) else locations
        database = (cache.get("OPTIONS") or {}).get("db")
        for url in urls:
            yield alias, url if database is None else f"{url}{'&' if '?' in url else '?'}db={database}"


def _is_one_of(caches: Collection[str], backend: Any) -> bool:
    """Return whether the class of a cache is one of these, or derived from one."""
    if backend in caches:
        return True
    try:
        kind = import_string(backend)
    except (ImportError, AttributeError):  # an AttributeError: no text at all. Django says so, where the cache is used
        return False
    return any(f"{base.__module__}.{base.__qualname__}" in caches for base in getattr(kind, "__mro__", ()))


def check_schedules(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The periodic tasks that the code declares can be understood, and name tasks that there are. Nothing is written."""
    app = current_app()
    if app.conf.read().errors:
        return []
    hint = _("Correct it where it is declared, or silence this check.")
    try:
        entries = declared(app)
    except ValueError as error:  # the name of one
        return [Warning(str(error), hint=hint, id="celeriac.W004")]
    text = _("The periodic task {name!r} does not run: {problem}")
    return [
        Warning(text.format(name=name, problem=problem), hint=hint, id="celeriac.W004")
        for name, declaration in entries.items()
        if (problem := declaration.problem or unknown_task(app, declaration.columns["task"]))
    ]


def check_companions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Celery's Django apps may stay in INSTALLED_APPS; each is named with what does its work now."""
    return [
        Warning(
            _("{name!r} in INSTALLED_APPS does nothing with Celeriac. {instead}").format(
                name=config.name, instead=_(REPLACEMENTS[config.name])
            ),
            hint=_("Take {name!r} out of INSTALLED_APPS, or silence this check.").format(name=config.name),
            id="celeriac.W010",
        )
        for config in apps.get_app_configs()
        if config.name in REPLACEMENTS
    ]


def _in_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


def register_all() -> None:
    """Register the checks."""
    register(check_settings, "celeriac")
    register(check_database, "celeriac")
    register(check_outbox, "celeriac")
    register(check_results, "celeriac")
    register(check_caches, "celeriac")
    register(check_schedules, "celeriac")
    register(check_companions, "celeriac")
