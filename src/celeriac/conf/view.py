"""``app.conf``: the settings under Celery's names, readable and settable as attributes and as items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celeriac.conf import serializers
from celeriac.conf.names import UNUSED, USED, canonical
from celeriac.conf.reading import Reading, Source, read_settings
from celeriac.conf.settings import FIELDS, Settings, checked, shown
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

_ABSENT = object()


class Conf:
    """One app's settings, read at first use, and changed by assignment until and after that.

    ``load`` returns what the project wrote; ``changed`` is called with the settings whenever they are read or changed.
    """

    # Private names go to the instance, every other one is a setting: see __setattr__.
    _changes: dict[str, Any]
    _reading: Reading | None
    _usable: Settings | None
    _defaults: dict[str, Any]

    def __init__(self, load: Callable[[], tuple[list[Source], Any, str | None]], changed: Callable[[Settings], None]) -> None:
        self._load = load
        self._changed = changed
        self._changes = {}
        self._defaults = {}
        self._reading = None
        self._usable = None
        self._version = 0

    @property
    def settings(self) -> Settings:
        """The validated settings. Raises ``ImproperlyConfigured`` naming every mistake."""
        if self._usable is None:
            reading = self.read()
            if reading.errors:
                raise ImproperlyConfigured("\n".join(reading.errors))
            self._usable = reading.settings
        return self._usable

    @property
    def version(self) -> int:
        """A number that changes with any setting."""
        return self._version

    def read(self) -> Reading:
        """Return the settings with the errors and warnings of reading them; read them now unless that was done."""
        if self._reading is None:
            sources, own, time_zone = self._load()
            defaults = Source(self._defaults, owned=True)
            reading = read_settings([defaults, *sources], own, time_zone)
            self._version += 1
            self._reading = reading
            for name, value in self._changes.items():
                self._apply(name, value)
            if not reading.errors:
                self._changed(reading.settings)
        return self._reading

    def is_given(self, field: str) -> bool:
        """Return whether the project says anything about one of our settings, be it the default."""
        return field in self.read().given

    def forget(self) -> None:
        """Read the project's settings anew at the next use. Changes made through this object stay."""
        self._reading = self._usable = None
        self._version += 1

    def add_defaults(self, values: Any = None, **more: Any) -> None:
        """Set what holds where the project says nothing."""
        self._defaults.update(_items(values() if callable(values) else values), **more)
        self.forget()

    def update(self, values: Any = None, **more: Any) -> None:
        """Set several."""
        for name, value in {**_items(values), **more}.items():
            self[name] = value

    @contextmanager
    def override(self, **values: Any) -> Iterator[Conf]:
        """Set some for the time of a ``with`` block: for tests."""
        before, reading = dict(self._changes), self._reading
        try:
            self.update(values)
            yield self
        finally:
            self._changes = before
            self.forget()
            if reading is not None:
                self.read()

    # -- items and attributes ----------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        value = self._find(name)
        if value is _ABSENT:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._check(name, value)
        self._changes[name] = value
        if self._reading is not None:
            self._apply(name, value)
            self._usable = None  # until it is seen that the whole still fits together
            self._version += 1
            self._changed(self._reading.settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value = self._find(name)
        if value is _ABSENT:
            raise AttributeError(
                _("There is no setting {name!r}.{hint}").format(name=name, hint=did_you_mean(name, [*USED, *FIELDS, *UNUSED]))
            )
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not _ABSENT

    def __iter__(self) -> Iterator[str]:
        return iter([*USED, *UNUSED, *(name for name in self.read().extra if name not in UNUSED)])

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or ``default`` for an unknown name."""
        value = self._find(name)
        return default if value is _ABSENT else value

    def items(self) -> list[tuple[str, Any]]:
        """Return every setting by Celery's name."""
        return [(name, self[name]) for name in self]

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self)

    def setdefault(self, name: str, default: Any) -> Any:
        """Return a setting; set it first where it is unknown."""
        if name not in self:
            self[name] = default
        return self[name]

    def _find(self, name: str) -> Any:
        known = canonical(name) or name
        field = USED.get(known, name)
        reading = self.read()
        if field in FIELDS:
            return getattr(reading.settings, field)
        if known in UNUSED:
            return reading.extra.get(known, UNUSED[known].default)
        return reading.extra.get(known, _ABSENT)

    @staticmethod
    def _check(name: str, value: Any) -> None:
        known = canonical(name)
        field = USED.get(known or "", name)
        try:
            if field in FIELDS:
                checked(field, value)
            elif known in serializers.SETTINGS:
                serializers.check_serializer(value)
        except ValueError as error:
            raise ImproperlyConfigured(
                _("{name} is {value!r}; expected {error}.").format(name=name, value=shown(field, value), error=error)
            ) from None

    def _apply(self, name: str, value: Any) -> None:
        assert self._reading is not None
        known = canonical(name)
        field = USED.get(known or "", name)
        if field in FIELDS:
            self._reading.take_field(field, value, name)
        else:
            self._reading.extra[known or name] = value
        self._reading.complete_urls()


def _items(values: Any) -> Mapping[str, Any]:
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return values
    return dict(values) if isinstance(values, list | tuple) else vars(values)
