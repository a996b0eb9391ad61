"""Texts for people in their own language, from the catalogue that Django reads too (``locale/*/LC_MESSAGES/django.mo``).

    from celeriac.engine.translation import gettext as _

    raise ImproperlyConfigured(_("There is no queue {name!r}.").format(name=name))

The English text is the key, and what is shown where it has no translation. Nothing is read before the first text is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

LOCALE = Path(__file__).parents[1] / "locale"
TRADITIONAL = frozenset({"hant", "hk", "mo", "tw"})
"""Where Chinese is written with the characters that our Chinese texts do not use."""

Language = Callable[[], str]
Text = Callable[[str], str]


def of_environment() -> str:
    """Return the language that the environment names, in the order of GNU gettext."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if named := os.environ.get(variable):
            return named.partition(":")[0]
    return ""


_language: Language = of_environment


def take_language_from(source: Language) -> None:
    """Ask ``source`` for the language from now on, once a text."""
    global _language  # noqa: PLW0603 - one a process: who knows the language registers here
    _language = source


def language() -> str:
    """Return the language of the moment, as whoever was registered last names it."""
    return _language()


def gettext(message: str) -> str:
    """Return a text in the language of the moment."""
    if not message:
        return message  # a catalogue keeps its own description under the empty text
    return _catalogue(catalogue_name(_language())).gettext(message)


def gettext_in(language: str | None) -> Text:
    """Return what translates into ``language``; without one, into the language of the moment."""
    return _catalogue(catalogue_name(_language() if language is None else language)).gettext


def gettext_noop(message: str) -> str:
    """Return a text as it is: marks one that is translated later, where it is shown."""
    return message


def catalogue_name(language: str) -> str:
    """Return the name of the catalogue for ``zh_CN.UTF-8``, ``zh-hans``, ``de``; empty where the language can have none."""
    main, *rest = language.partition(".")[0].replace("-", "_").lower().split("_")
    if main == "zh":
        return "" if TRADITIONAL.intersection(rest) else "zh_Hans"
    return main if main.isalpha() else ""


@cache
def _catalogue(name: str) -> NullTranslations:
    import gettext as catalogues  # only processes that show a text pay for it

    return catalogues.translation("django", LOCALE, [name], fallback=True) if name else catalogues.NullTranslations()
