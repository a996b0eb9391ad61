"""Bring the translations up to date: python3 tools/translations.py

Adds each new text of the source to every ``django.po``, sets aside those that are gone, compiles ``django.mo``, and names what
still has no translation. A text is marked by ``_("...")``, by ``gettext_noop("...")`` where it is shown elsewhere, and in a
template by ``{% translate "..." %}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "celeriac"
CATALOGUES = sorted((PACKAGE / "locale").glob("*/LC_MESSAGES/django.po"))
MARKS = {"_": 0, "gettext": 0, "gettext_lazy": 0, "gettext_noop": 0, "Advice": 1}
"""Whose arguments are texts, from which one on. The tables of advice are shown through ``migrating.finding.told``."""
IN_TEMPLATES = re.compile(r"""\{%\s*translate\s+(["'])(.+?)\1""")


def messages() -> dict[str, list[tuple[str, str]]]:
    """Return every marked text, with the files that show it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]):
        text = path.read_text(encoding="utf-8")
        for message in marked(ast.parse(text)) if path.suffix == ".py" else translated(text):
            places = found.setdefault(message, [])
            if (place := (path.relative_to(PACKAGE).as_posix(), "")) not in places:
                places.append(place)
    return found


def translated(template: str) -> Iterator[str]:
    """Yield the texts that a template marks."""
    yield from (found[2] for found in IN_TEMPLATES.finditer(template))


def marked(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of the calls that mark one."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for text in node.args[MARKS[name] :] if name in MARKS else ():
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
                yield text.value


def update(catalogue: Path) -> list[str]:
    """Write one catalogue anew and compile it. Returns the texts without a translation."""
    known = polib.pofile(str(catalogue), wrapwidth=0)
    current = messages()
    for entry in known:
        entry.obsolete = entry.msgid not in current
    for message, places in current.items():
        entry = known.find(message, include_obsolete_entries=True) or added(known, message)
        entry.obsolete, entry.occurrences = False, places
    known.sort(key=lambda entry: (entry.obsolete, entry.occurrences, entry.msgid))
    known.save()
    known.save_as_mofile(str(catalogue.with_suffix(".mo")))
    return [entry.msgid for entry in known.untranslated_entries()]


def added(catalogue: polib.POFile, message: str) -> polib.POEntry:
    """Return a new entry of the catalogue."""
    entry = polib.POEntry(msgid=message)
    catalogue.append(entry)
    return entry


def main() -> None:
    """Update every catalogue; exit with status 1 while a translation is missing."""
    missing = {path.parts[-3]: update(path) for path in CATALOGUES}
    for language, texts in missing.items():
        print(f"{language}: {len(texts)} without a translation")
        for text in texts:
            print(f"  {text}")
    raise SystemExit(any(missing.values()))


if __name__ == "__main__":
    main()
