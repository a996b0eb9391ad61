"""The lines that start Celery's processes, in Procfiles, units, compose files and scripts, and what to write instead."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from celeriac.cli.celery_commands import INSTEAD
from celeriac.cli.parser import OTHER_POOLS, build
from celeriac.migrating import knowledge
from celeriac.migrating.finding import Advice, Finding, found, told
from celeriac.migrating.project import Project

_PROSE = re.compile(r"^\s*(#|//|;|::|rem\s|-?\s*@?(echo|printf|pkill|pgrep|killall|supervisorctl|systemctl|service)\b)|"
                    r"^\s*-?\s*\"?(description|name|title|container_name|image|label)\"?\s*[:=]", re.IGNORECASE)  # fmt: skip
"""Lines that speak of Celery and do not start it."""
_LISTED = re.compile(r"^(\s*)-\s+[\"']?(\S+?)[\"']?\s*$")
_ENDS = re.compile(r"[;&|<>]|&&|\|\|")
_CELERY = frozenset({"celery", "${CELERY_BIN}", "$CELERY_BIN"})
"""The command itself, also as the unit that Celery's documentation shows calls it."""
_PROGRAMS = {
    "celeryd": "worker", "celerybeat": "beat", "celeryev": "events", "celerycam": "events", "celeryd-multi": "multi",
    "celeryd_multi": "multi", "flower": "flower",
}  # fmt: skip
"""Programs, and commands of manage.py, that do one thing each."""


class Command(NamedTuple):
    """One call of Celery's command line. ``before``: what stands in front, kept for what goes through manage.py.

    ``managed``: it is ``manage.py celery``, which is Celeriac's own.
    """

    before: tuple[str, ...]
    managed: bool
    subcommand: str
    words: tuple[str, ...]


_OTHERS = frozenset({"migrate"})
"""Commands of ours that have a name of Celery's and do something else."""


def findings(project: Project) -> Iterator[Finding]:
    """Yield each line that starts something of Celery's, with what to write instead."""
    for file, text in project.starters:
        for line, written in _lines(text):
            command = None if _PROSE.match(written) else parse(written)
            if command is not None:
                yield from _of_command(file, line, command)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers: continued ones, and the items of a YAML list, as one."""
    number, whole, indent = 0, "", None
    for count, line in enumerate(text.splitlines(), start=1):
        item = _LISTED.match(line)
        same_list = item is not None and item[1] == indent
        if whole and not (same_list or whole.endswith("\\")):
            yield number, whole
            whole = ""
        number = count if not whole else number
        part = item[2] if item else line
        whole = f"{whole.removesuffix(chr(92))} {part}" if whole else part
        indent = item[1] if item else None
    if whole:
        yield number, whole


def parse(line: str) -> Command | None:
    """Return the call of Celery's command line in a line, or None."""
    plain = re.sub(r"[\"']\s*,\s*[\"']", " ", line)
    words = re.sub(r"[\[\]\"'`()]|^\s*\w[\w.-]*\s*[:=](?=\s|/|\w)", " ", plain).split()
    for index, word in enumerate(words):
        program = PurePosixPath(word).name
        rest = list(_until_end(words[index + 1 :]))
        managed = index > 0 and words[index - 1].endswith("manage.py")
        subcommand = _subcommand(program, rest, managed)
        if subcommand:
            before = tuple(words[:index]) if managed else ()
            return Command(before, managed and program in _CELERY, subcommand, tuple(rest))
    return None


def _until_end(words: list[str]) -> Iterator[str]:
    for word in words:
        if _ENDS.match(word):
            return
        yield word


def _subcommand(program: str, rest: list[str], managed: bool) -> str | None:
    """Return what a program is told to do, and take the word out of ``rest``; None for what is none of Celery's."""
    if program in _CELERY:
        place = _first_word(rest)
        return rest.pop(place) if place is not None and rest[place] in knowledge.SUBCOMMANDS else None
    if managed or "".join(rest[:1]).startswith("-"):
        return _PROGRAMS.get(program)
    return None


def _first_word(words: list[str]) -> int | None:
    """Return where the first word is that is neither a flag nor the value of one."""
    skip = False
    for place, word in enumerate(words):
        if not skip and not word.startswith("-"):
            return place
        skip = not skip and word in knowledge.FLAGS_WITH_VALUE
    return None


# -- what to write instead -------------------------------------------------------------------------------------------------


def _of_command(file: str, line: int, command: Command) -> Iterator[Finding]:
    what = f"celery {command.subcommand}"
    if command.subcommand == "worker":
        if not command.managed:
            yield found(_with(knowledge.STARTS_A_WORKER, replacement(command)), file, line, what)
        if not set(OTHER_POOLS[:2]).isdisjoint(word.rpartition("=")[2].removeprefix("-P") for word in command.words):
            yield found(knowledge.ODD_POOL, file, line, f"{what} --pool")
    elif command.subcommand == "multi":
        yield found(_with(knowledge.STARTS_MANY, replacement(command)), file, line, what)
    elif command.subcommand == "flower":
        yield found(knowledge.STARTS_FLOWER, file, line, what)
    elif command.subcommand == "beat":
        if not command.managed:
            yield found(_with(knowledge.STARTS_BEAT, replacement(command)), file, line, what)
    elif command.subcommand in knowledge.QUESTIONS:
        yield from _of_question(file, line, command, what)
    elif command.subcommand in _ours().keys() - _OTHERS:
        yield found(_with(knowledge.STARTS_A_WORKER, replacement(command)), file, line, what)
    else:
        yield found(_instead(command.subcommand), file, line, what)


def _of_question(file: str, line: int, command: Command, what: str) -> Iterator[Finding]:
    if not command.managed:
        yield found(_with(knowledge.USES_THE_COMMAND, replacement(command)), file, line, what)


def _instead(subcommand: str) -> Advice:
    """Return what does the work of a command that is not here."""
    told_of = told(INSTEAD.get(subcommand, knowledge.OTHER_COMMAND.fix))
    return knowledge.OTHER_COMMAND._replace(fix=told_of[0].upper() + told_of[1:])


def _with(advice: Advice, command: str) -> Advice:
    return advice._replace(fix=told(advice.fix).format(command=command))


def replacement(command: Command) -> str:
    """Return the command line of ours that does the same: flags that mean nothing here are left out."""
    subcommand = "worker" if command.subcommand == "multi" else command.subcommand
    app, options = "", []
    words = list(command.words)
    while words:
        flag, values = _take(words)
        flag = knowledge.RENAMED_FLAGS.get(flag, flag)
        if flag in ("-A", "--app") and values:
            app = values[0]
        elif _is_ours(subcommand, flag):
            options += [flag, *values]
    start = (*command.before, "celeriac") if command.before else ("celeriac", *(("-A", app) if app else ()))
    return " ".join((*start, subcommand, *options))


def _take(words: list[str]) -> tuple[str, list[str]]:
    """Take a flag with its value off the front."""
    word = words.pop(0)
    if word.startswith("--") and "=" in word:
        flag, _, value = word.partition("=")
        return flag, [value]
    if re.match(r"-[A-Za-z]\S", word) and word[:2] in knowledge.FLAGS_WITH_VALUE:
        return word[:2], [word[2:].removeprefix("=")]
    return word, [words.pop(0)] if word in knowledge.FLAGS_WITH_VALUE and words else []


def _ours() -> dict[str, argparse.ArgumentParser]:
    """Return the commands of our own command line."""
    actions = [action for action in build("celeriac")._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: parser for action in actions for name, parser in action.choices.items()}


def _is_ours(subcommand: str, flag: str) -> bool:
    """Return whether a flag means something to a command of ours: what is hidden from its help does not."""
    parser = _ours().get(subcommand)
    action = parser._option_string_actions.get(flag) if parser is not None else None
    return action is not None and action.help != argparse.SUPPRESS
