"""The little markup that the articles use, as data: the template writes the HTML, so that it escapes everything."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path


class UnreadableArticle(ValueError):
    """A file that does not begin with the header lines that an article needs."""


@dataclass(frozen=True)
class Source:
    """An article's file, read."""

    slug: str
    title: str
    summary: str
    published: dt.date
    body: str


@dataclass(frozen=True)
class Block:
    """A heading, a list or a paragraph."""

    kind: str
    lines: list[str]

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(self.lines)


def read(file: Path) -> Source:
    """Read ``name: value`` lines, an empty line, and the body."""
    head, _, body = file.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    try:
        published = dt.date.fromisoformat(fields["date"])
        return Source(file.stem, fields["title"], fields["summary"], published, body.strip())
    except (KeyError, ValueError) as error:
        raise UnreadableArticle(f"{file.name} lacks a readable header line: {error}") from error


def blocks(body: str) -> list[Block]:
    """Cut a body at its empty lines."""
    return [_block(chunk.splitlines()) for chunk in body.split("\n\n") if chunk.strip()]


def _block(lines: list[str]) -> Block:
    if lines[0].startswith("## "):
        return Block("heading", [lines[0].removeprefix("## ")])
    if all(line.startswith("- ") for line in lines):
        return Block("list", [line.removeprefix("- ") for line in lines])
    return Block("paragraph", lines)
