"""Check that each place where a check is switched off says why, on the same line.

Usage: python3 tools/reasons.py FOLDER...

``# noqa: BLE001 - a broken __str__ must not hide the failure`` is fine; ``# noqa: BLE001`` is not.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

SWITCH = re.compile(
    r"""(?x)
      \bnoqa \b (?: :\s* [A-Z]+[0-9]+ (?: ,\s* [A-Z]+[0-9]+ )* )?
    | \btype: \s* ignore \b (?: \[ [^\]]* \] )?
    | \bpragma: \s* no \s* cover \b
    """
)
REASON = re.compile(r"\s*[-:#(]?\s*\w+\W+\w+")  # two words at the least


def lacking(source: Path) -> Iterator[str]:
    """Yield ``file:line: comment`` for each switch in ``source`` that gives no reason."""
    with source.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.COMMENT and not is_reasoned(token.string):
                yield f"{source}:{token.start[0]}: {token.string}"


def is_reasoned(comment: str) -> bool:
    """Return whether ``comment`` switches nothing off, or says why after the last switch in it."""
    ends = [match.end() for match in SWITCH.finditer(comment)]
    return not ends or REASON.match(comment, ends[-1]) is not None


def main() -> None:
    """Exit with 1 where a reason is missing."""
    sources = [source for folder in sys.argv[1:] for source in sorted(Path(folder).rglob("*.py"))]
    found = [line for source in sources for line in lacking(source)]
    for line in found:
        print(f"{line}\n    says nothing about why; write the reason after it.")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
