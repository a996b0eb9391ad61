"""docs/cli.md: each command in it exists with these options, each that exists is in it, and so are checks and statuses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from celeriac.cli import exits, parser
from celeriac.cli.commands import COMMANDS
from celeriac.cli.inspecting import COMMANDS as ORDERS
from celeriac.cli.inspecting import INSTEAD, QUESTIONS
from celeriac.doctor import CHECKS

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
LINES = [line.removeprefix("$ ") for line in re.findall(r"^\$ celeriac .*$", TEXT, re.MULTILINE)]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_understood(line: str) -> None:
    words = shlex.split(line.partition("|")[0])
    options = parser.parse(words[1:], "celeriac")
    assert options.command in words


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_on_the_page(command: str) -> None:
    assert re.search(rf"`(celeriac )?{command}`", TEXT)


@pytest.mark.parametrize("word", [*QUESTIONS, *ORDERS, *INSTEAD])
def test_every_word_of_celerys_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_the_checks_are_those_of_the_doctor() -> None:
    table = TEXT.split("## The doctor")[1].split("## A probe")[0]
    assert re.findall(r"^\| (\w+) \|", table, re.MULTILINE)[1:] == list(CHECKS)
    assert f"{len(CHECKS)} checks," in table


def test_the_statuses_are_those_of_the_module() -> None:
    shown = {name: int(status) for status, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE)}
    assert shown == {name: value for name, value in vars(exits).items() if name.isupper()}
