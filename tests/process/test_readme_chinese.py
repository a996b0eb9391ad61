"""README.zh-CN.md followed word for word in an empty folder: each command and each block of its first steps, in their order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.test_readme import README, Project

CHINESE = README.with_name("README.zh-CN.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
STEPS = re.compile(r"^## 用在自己的项目里\n(.*?)^## ", flags=re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.process


def steps() -> list[tuple[str, str]]:
    """Return language and text of each block of the first steps."""
    found = STEPS.search(CHINESE.read_text())
    assert found is not None
    return BLOCK.findall(found[1])


class Reader:
    """Does what the text says: runs commands, writes files, types into the shell. A worker goes on running."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.workers: list[subprocess.Popen[str]] = []
        self.printed = ""

    def follow(self, language: str, text: str) -> None:
        if language == "python":
            self.write(*text.split("\n", 1))
        else:
            for command in text.splitlines():
                self.enter(command)

    def write(self, title: str, code: str) -> None:
        name = title.removeprefix("# ")
        if name == "manage.py shell":
            self.printed = self.project.run("manage.py", "shell", "-c", code)
        elif name.endswith(".py"):  # settings.py exists, and is added to
            with (self.project.folder / name).open("a", encoding="utf-8") as file:
                file.write(code)

    def enter(self, command: str) -> None:
        program, *words = command.split()
        if program == "pip":
            assert words == ["install", '".[cli]"'], "the one step that these tests' own environment has behind it"
        elif words[1:] == ["celeriac", "worker"]:
            self.workers.append(self.project.start(*words))
        else:
            assert program == "python"
            self.project.run(*words)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    for worker in reader.workers:
        worker.kill()
        worker.communicate()


def test_an_empty_folder_gets_to_a_finished_job(reader: Reader) -> None:
    for language, text in steps():
        reader.follow(language, text)
    assert len(reader.workers) == 1
    assert reader.printed.splitlines()[-1] == "42"
    assert "`42`" in CHINESE.read_text()


def test_both_languages_show_the_same_blocks() -> None:
    titled = [text for language, text in BLOCK.findall(README.read_text()) if language == "python" and text.startswith("# ")]
    assert titled == [text for language, text in steps() if language == "python"]


def test_each_language_names_the_other_first() -> None:
    assert "(README.zh-CN.md)" in README.read_text().split("##")[0]
    assert "(README.md)" in CHINESE.read_text().split("##")[0]


def test_both_languages_explain_the_same_flags() -> None:
    flags = {path: re.findall(r"`(--?[a-z-]+)`", "\n".join(rows(path.read_text()))) for path in (README, CHINESE)}
    assert flags[README] == flags[CHINESE] != []


def rows(text: str) -> list[str]:
    """Return the first column of the table of flags."""
    return [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
