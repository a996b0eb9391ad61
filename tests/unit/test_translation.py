"""Every text for people is in Simplified Chinese too, with the same blanks to fill in."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import polib
import pytest
import translations
from django.utils import translation as django_translation

from celeriac.apps import _language
from celeriac.engine import translation
from celeriac.engine.errors import NotRegistered
from celeriac.engine.translation import catalogue_name, gettext, of_environment
from celeriac.models import Job

CATALOGUES = {path.parts[-3]: path for path in translations.CATALOGUES}


@pytest.fixture
def speak() -> Iterator[Callable[[str], None]]:
    """Choose the language of the texts."""
    before = translation._language
    yield lambda language: translation.take_language_from(lambda: language)
    translation.take_language_from(before)


def blanks(text: str) -> set[str]:
    """Return the names that a text is to be filled with, as they are written for ``str.format``."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_is_simplified_chinese() -> None:
    assert "zh_Hans" in CATALOGUES


@pytest.mark.parametrize("path", CATALOGUES.values(), ids=CATALOGUES)
def test_each_text_has_a_translation(path: Path) -> None:
    known = {entry.msgid for entry in polib.pofile(str(path)) if entry.msgstr and not entry.obsolete and not entry.fuzzy}
    missing = sorted(set(translations.messages()) - known)
    assert not missing, "add them: python3 tools/translations.py"


@pytest.mark.parametrize("path", CATALOGUES.values(), ids=CATALOGUES)
def test_a_translation_has_the_blanks_and_the_line_ends_of_its_text(path: Path) -> None:
    for entry in polib.pofile(str(path)).translated_entries():
        assert entry.msgstr.count("\n") == entry.msgid.count("\n"), entry.msgid
        assert entry.msgstr.count("%%") == entry.msgid.count("%%"), entry.msgid
        assert blanks_where_filled(entry.msgstr) == blanks_where_filled(entry.msgid), entry.msgid


def blanks_where_filled(text: str) -> set[str]:
    """Return the blanks; none where the braces of the text are braces and are never filled."""
    try:
        return blanks(text)
    except ValueError:
        return set()


@pytest.mark.parametrize("path", CATALOGUES.values(), ids=CATALOGUES)
def test_what_is_installed_is_what_was_written(path: Path) -> None:
    written = {entry.msgid: entry.msgstr for entry in polib.pofile(str(path)).translated_entries()}
    compiled = {entry.msgid: entry.msgstr for entry in polib.mofile(str(path.with_suffix(".mo")))}
    assert compiled == written, "compile it: python3 tools/translations.py"


def test_only_whole_texts_are_marked() -> None:
    # An f-string, or a name, would be looked up as it is at that moment, and never be found.
    assert list(translations.marked(ast.parse("_('one'); _(f'two {x}'); gettext_noop('three'); _(text)"))) == ["one", "three"]


def test_a_template_marks_its_texts_too() -> None:
    template = """{% load i18n %}<p title='{% translate "one" %}'>{%translate 'two "quoted"' as two%}{% url "three" %}</p>"""
    assert list(translations.translated(template)) == ["one", 'two "quoted"']
    assert any(file.endswith(".html") for places in translations.messages().values() for file, _line in places)


def test_no_template_marks_a_text_in_a_way_that_is_not_looked_for() -> None:
    tags = {
        tag
        for path in translations.PACKAGE.rglob("*.html")
        for tag in re.findall(r"{%\s*(?:trans|blocktrans\w*)\b|\b_\(", path.read_text(encoding="utf-8"))
    }
    assert not tags, "write {% translate %}"


def test_no_function_takes_an_f_string_to_be_translated() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path in sorted(translations.PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
        if node.args and isinstance(node.args[0], ast.JoinedStr)
    ]
    assert not wrong


def test_an_error_is_told_in_the_language_of_the_moment(speak: Callable[[str], None]) -> None:
    error = NotRegistered("orders.totl", ["orders.total"])
    speak("en-us")
    assert str(error).startswith("No task is registered as 'orders.totl'. ")
    speak("zh-hans")
    assert str(error).startswith("没有名为 'orders.totl' 的任务。")


def test_a_language_without_a_catalogue_is_answered_in_english(speak: Callable[[str], None]) -> None:
    for language in ("", "C", "POSIX", "de", "zh-TW", "zh_Hant_HK", "../../etc"):
        speak(language)
        assert gettext("run a worker") == "run a worker"


@pytest.mark.parametrize("language", ["zh", "zh-hans", "zh_CN.UTF-8", "zh-cn", "zh_Hans_SG", "zh_SG"])
def test_simplified_chinese_has_many_names(language: str) -> None:
    assert catalogue_name(language) == "zh_Hans"


def test_the_environment_is_read_as_gettext_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert of_environment() == ""
    for name, language in (("LANG", "fr"), ("LC_MESSAGES", "es"), ("LC_ALL", "zh_CN.UTF-8"), ("LANGUAGE", "zh_Hans:en")):
        monkeypatch.setenv(name, language)
        assert of_environment() == language.partition(":")[0]


def test_the_language_that_django_speaks_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    with django_translation.override("zh-hans"):
        assert _language() == "zh-hans"
    with django_translation.override("en-us"):  # Django's default: nobody chose it
        assert _language() == "de"
    with django_translation.override("en"):
        assert _language() == "en"


def test_the_admin_reads_the_same_catalogue() -> None:
    with django_translation.override("zh-hans"):
        assert str(Job._meta.verbose_name) == "任务"
        assert str(Job.State.PARKED.label) == "已搁置"


def test_no_function_that_shows_a_text_has_another_use_for_the_underscore() -> None:
    wrong = [
        f"{path.relative_to(translations.PACKAGE)}:{function.lineno} {function.name}"
        for path in sorted(translations.PACKAGE.rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if translations_in(function) and "_" in names_bound_in(function)
    ]
    assert not wrong, "there, _ is not gettext: call the other thing __, or by a name of its own"


def translations_in(function: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]


def names_bound_in(function: ast.AST) -> set[str]:
    nodes = list(ast.walk(function))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
