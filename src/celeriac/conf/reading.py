"""From what a project wrote to ``Settings``: errors, warnings and notes apart."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from celeriac.conf import results, serializers
from celeriac.conf.brokers import DEFAULT, with_master, with_store, without_password
from celeriac.conf.connecting import Connecting
from celeriac.conf.names import CONNECTING, UNUSED, USED, canonical, is_present, why_unused
from celeriac.conf.settings import FIELDS, Settings, checked, contradictions, shown
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

_OURS = ("CELERY_", "CELERYD_", "CELERYBEAT_", "CELERYMON_", "CELERYEV_", "BROKER_")
"""What a name in Django's settings begins with that may be a setting of Celery."""


class Source(NamedTuple):
    """Settings as they were written.

    ``owned``: the name of each is surely meant for us, so that an unknown one is a mistake.
    """

    values: Mapping[str, Any]
    namespace: str | None = None
    owned: bool = False


class Reading(msgspec.Struct):
    """What came of reading. ``extra`` holds settings of Celery without effect, and unknown ones, by name."""

    settings: Settings
    mistakes: list[str] = msgspec.field(default_factory=list)
    """Values that cannot be, each by itself."""
    warnings: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    given: set[str] = msgspec.field(default_factory=set)
    """The settings of ours that the project wrote, whether or not they say the default."""
    unused: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Why settings have no effect -> which."""
    urls: dict[str, Any] = msgspec.field(default_factory=dict)
    """Those of broker and results as they were written, without what other settings say of them."""
    connecting: dict[str, str] = msgspec.field(default_factory=dict)
    """Celery's names of settings about a connection -> how they were spelled."""

    def take_field(self, field: str, value: Any, name: str) -> None:
        """Keep one value of ours, or the error in it."""
        self.given.add(field)
        try:
            kept = checked(field, value)
        except ValueError as error:
            self._mistake(name, shown(field, value), error)
            return
        setattr(self.settings, field, kept)
        if field in ("broker_url", "result_backend"):
            self.urls[field] = kept
        if field == "broker_url" and value and kept != value:
            self._note_broker(name, value, kept)

    def _mistake(self, name: str, value: Any, error: ValueError) -> None:
        text = _("{name} is {value!r}; expected {error}.").format(name=name, value=value, error=error)
        self.mistakes.append(text.removesuffix(".") if text.endswith("?.") else text)

    def _note_broker(self, name: str, value: Any, kept: str) -> None:
        asked = without_password(value if isinstance(value, str) else value[0])
        if kept == DEFAULT:
            text = _("{name} ({asked}) is not used: this version keeps jobs in the project's database, {kept}.")
        else:
            text = _("{name}: of several brokers only the first is used, {kept}.")
        note = text.format(name=name, asked=asked, kept=without_password(kept))
        if note not in self.notes:
            self.notes.append(note)

    def take(self, source: Source) -> None:
        """Read every setting of a source that has one of Celery's names; of several spellings today's holds."""
        taken: dict[str, str] = {}
        for name in sorted(source.values, key=lambda name: is_present(name, source.namespace)):
            known, value = canonical(name, source.namespace), source.values[name]
            if known is None:
                self._unknown(name, value, source)
                continue
            if known in taken and source.values[taken[known]] != value:
                text = _("{older} is not used: {name} sets the same, and holds.")
                self.notes.append(text.format(older=taken[known], name=name))
            taken[known] = name
            if known in USED:
                self.take_field(USED[known], value, name)
            else:
                self.extra[known] = value
                if _is_meant_for_us(name, source):
                    self._take_unused(known, value, name)
        self.complete_urls()

    def complete_urls(self) -> Connecting:
        """Write into the URLs of broker and results what other settings say of them. Returns what that came to."""
        connecting = Connecting(self.extra)
        if backend := self.urls.get("result_backend"):
            backend = with_master(backend, self.extra.get("result_backend_transport_options"))
            self.settings.result_backend = connecting.results(backend)
        url = with_master(self.urls.get("broker_url", DEFAULT), self.extra.get("broker_transport_options"))
        self.settings.broker_url = with_store(connecting.broker(url), self.settings.result_backend)
        return connecting

    def _take_unused(self, known: str, value: Any, name: str) -> None:
        if known in CONNECTING:  # whether they count, the whole will tell
            self.connecting[known] = name
            return
        if known in serializers.SETTINGS:
            try:
                serializers.check_serializer(value)
            except ValueError as error:
                self._mistake(name, value, error)
                return
            if serializers.says_json(value):
                return
        if why := why_unused(known, value):
            self.unused.setdefault(why, []).append(name)

    def _unknown(self, name: str, value: Any, source: Source) -> None:
        lower = name.lower()
        self.extra[lower.removeprefix(f"{(source.namespace or 'celery').lower()}_")] = value
        if not source.owned and not name.startswith(_prefixes(source)):
            return
        field = lower.removeprefix("celery_")
        if field in FIELDS:
            hint = f" Did you mean CELERIAC = {{{field.upper()!r}: ...}}?"
        else:
            hint = did_you_mean(name, _spellings(name, source.namespace))
        self.warnings.append(
            _("{name} is not a setting that Celery or Celeriac knows; it has no effect.{hint}").format(name=name, hint=hint)
        )

    def take_own(self, values: Any) -> None:
        """Read the dict ``CELERIAC``."""
        if not isinstance(values, Mapping):
            self.mistakes.append(_("CELERIAC is {values!r}; expected a dict.").format(values=values))
            return
        for key, value in values.items():
            field = str(key).lower()
            if field in FIELDS:
                self.take_field(field, value, f"CELERIAC[{key!r}]")
            else:
                hint = did_you_mean(str(key).upper(), [name.upper() for name in FIELDS])
                self.mistakes.append(_("CELERIAC has no setting {key!r}.{hint}").format(key=key, hint=hint))

    @property
    def errors(self) -> list[str]:
        """Every sentence for which these settings cannot be used."""
        return [*self.mistakes, *contradictions(self.settings)]

    def conclude(self) -> Reading:
        """Add the notes that only the whole allows."""
        connecting = self.complete_urls()
        self.warnings += connecting.warnings()
        for known, name in self.connecting.items():
            why = "" if known in connecting.used else why_unused(known, self.extra[known])
            if why:
                self.unused.setdefault(why, []).append(name)
        for why, names in self.unused.items():
            text = _("{name} is not used: {why}") if len(names) == 1 else _("{name} are not used: {why}")
            self.notes.append(text.format(name=", ".join(names), why=_(why)))
        self._note_results(self.settings.result_backend)
        if self.settings.acks_late is False:
            self.notes.append(
                _(
                    "CELERY_TASK_ACKS_LATE = False is not used: jobs run at least once. A task that must run at most once"
                    " says so itself: @shared_task(acks_late=False)."
                )
            )
        return self

    def compare_zones(self, time_zone: str | None) -> None:
        """Warn where times without a zone are in another one than Django's."""
        if time_zone and self.settings.timezone != time_zone:
            text = _(
                "The time zone of schedules and of times without one is {zone} (CELERY_TIMEZONE), and Django's is {time_zone}"
                " (TIME_ZONE): an hour in a schedule is not the one that pages show. Leave CELERY_TIMEZONE out, unless it is"
                " meant so."
            )
            self.warnings.append(text.format(zone=self.settings.timezone, time_zone=time_zone))

    def _note_results(self, backend: str | None) -> None:
        if backend is None or results.is_here(backend):
            return
        if results.is_with_its_job(backend):
            text = _("CELERY_RESULT_BACKEND ({backend}) is not needed: results are kept with their jobs.")
        else:
            text = _(
                "CELERY_RESULT_BACKEND ({backend}) is not used: results are kept with their jobs. Elsewhere they can be in"
                " django-db, django-cache, or redis://host/1."
            )
        self.notes.append(text.format(backend=without_password(backend)))


def read_settings(sources: Iterable[Source], own: Any = None, time_zone: str | None = None) -> Reading:
    """Read ``sources`` in order, the later over the earlier, then the dict ``CELERIAC`` (``own``) over all. Never raises."""
    reading = Reading(Settings())
    if time_zone:
        reading.take_field("timezone", time_zone, "TIME_ZONE")
    for source in sources:
        reading.take(source)
    if own is not None:
        reading.take_own(own)
    reading.compare_zones(time_zone)
    return reading.conclude()


def _is_meant_for_us(name: str, source: Source) -> bool:
    """Return whether a name is surely one of Celery's: ``REDIS_HOST`` in Django's settings is the project's own."""
    return source.owned or name.islower() or name.startswith(_prefixes(source))


def _prefixes(source: Source) -> tuple[str, ...]:
    if source.namespace and source.namespace.upper() != "CELERY":
        return (f"{source.namespace.upper()}_",)
    return _OURS


def _spellings(name: str, namespace: str | None) -> list[str]:
    if name != name.upper():
        return [*USED, *UNUSED]
    return [f"{(namespace or 'CELERY').upper()}_{known}".upper() for known in (*USED, *UNUSED)]


# -- where settings are written --------------------------------------------------------------------------------------------


def source_of(origin: Any, namespace: str | None = None) -> Source:
    """Return the settings of what ``config_from_object`` takes: an object, a module, a dict, or the dotted name of one.

    ``"django.conf:settings"`` and ``"proj.celeryconfig"`` are names. Raises ``ImproperlyConfigured`` for one that cannot be
    imported.
    """
    found = _import(origin) if isinstance(origin, str) else origin
    if isinstance(found, Mapping):
        written = {name: value for name, value in found.items() if not str(name).startswith("_")}
        return Source(written, namespace, owned=not namespace)
    return Source(dict(_ours(found, namespace)), namespace)


def django_source() -> Source | None:
    """Return what Django's settings say under Celery's names, or None outside a Django project."""
    settings = django_settings()
    if settings is None:
        return None
    return Source({name: getattr(settings, name) for name in dir(settings) if name.isupper() and name.startswith(_OURS)})


def django_settings() -> Any:
    """Return Django's settings where there are any: configured, or named by DJANGO_SETTINGS_MODULE. Else None."""
    import os

    from django.conf import settings

    return settings if settings.configured or os.environ.get("DJANGO_SETTINGS_MODULE") else None


def _ours(origin: Any, namespace: str | None) -> Iterator[tuple[str, Any]]:
    """Yield what may be meant for us. Nothing else is looked at: some of Django's settings warn when they are read."""
    for name in dir(origin):
        if namespace:
            # Names older than namespaces count as well, which Celery would pass over in silence.
            is_ours = name.upper().startswith(_prefixes(Source({}, namespace)))
        else:
            is_ours = name.startswith(_OURS) or canonical(name) is not None
        if is_ours and not name.startswith("_"):
            yield name, getattr(origin, name)


def _import(path: str) -> Any:
    module, colon, attribute = path.partition(":")
    try:
        if colon:
            return getattr(importlib.import_module(module), attribute)
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError:
            module, attribute = path.rpartition(".")[::2]
            if not module:
                raise
            return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(
            _(
                "config_from_object({path!r}) cannot be read: {error}. It takes the dotted name of a module, or"
                " module:attribute."
            ).format(path=path, error=error)
        ) from error
