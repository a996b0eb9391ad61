"""A stand-in for an object that is looked up at each use (celery.local)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Proxy:
    """Acts as whatever ``local()`` returns at the moment."""

    __slots__ = ("_Proxy__local", "__dict__")

    def __init__(self, local: Callable[[], Any], name: str = "") -> None:
        object.__setattr__(self, "_Proxy__local", local)

    def _get_current_object(self) -> Any:
        """Return the object itself."""
        return object.__getattribute__(self, "_Proxy__local")()

    @property
    def __class__(self) -> Any:
        return type(self._get_current_object())

    @__class__.setter
    def __class__(self, kind: Any) -> None:
        raise TypeError("The class of a proxy is that of the object it stands for.")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._get_current_object(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._get_current_object(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._get_current_object()(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._get_current_object()[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._get_current_object()

    def __iter__(self) -> Any:
        return iter(self._get_current_object())

    def __len__(self) -> int:
        return len(self._get_current_object())

    def __bool__(self) -> bool:
        return bool(self._get_current_object())

    def __eq__(self, other: object) -> bool:
        return bool(self._get_current_object() == other)

    def __hash__(self) -> int:
        return hash(self._get_current_object())

    def __repr__(self) -> str:
        return repr(self._get_current_object())

    def __str__(self) -> str:
        return str(self._get_current_object())

    def __dir__(self) -> list[str]:
        return dir(self._get_current_object())


def maybe_evaluate(value: Any) -> Any:
    """Return the object behind a proxy, and anything else as it is."""
    return value._get_current_object() if type(value) is Proxy else value
