"""``celeriac completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

from celeriac.cli import exits
from celeriac.cli.tables import say
from celeriac.engine.translation import gettext as _

SHELLS = ("bash", "zsh", "fish")
HOW = {
    "bash": 'eval "$(celeriac completion bash)"',
    "zsh": 'eval "$(celeriac completion zsh)"',
    "fish": "celeriac completion fish | source",
}

Words = dict[str, list[str]]
"""Path of commands, separated by blanks -> the words that may follow."""


def completion_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("shell", choices=SHELLS, help=_("put into its start file: {line}").format(line=HOW["bash"]))


def run_completion(options: argparse.Namespace) -> int:
    """Print the script."""
    from celeriac.cli.parser import build  # which knows every command, this one too

    words = dict(words_of(build("celeriac")))
    say({"bash": bash, "zsh": zsh, "fish": fish}[options.shell](words))
    return exits.OK


def words_of(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield what may follow each command, and the commands within it."""
    words = [
        option
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    ]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words = [*action.choices, *words]
            for name, command in action.choices.items():
                yield from words_of(command, f"{path} {name}".strip())
    yield path, words


def _cases(words: Words, line: str) -> str:
    return "\n".join(
        f"    {shlex.quote(path)}) {line.format(shlex.quote(' '.join(found)))} ;;" for path, found in words.items()
    )


def _walk(words: Words) -> str:
    """Return the case that says whether a path and one word more are a path again."""
    return "|".join(shlex.quote(path) for path in words if path)


def bash(words: Words) -> str:
    """Return the script for bash."""
    return f"""_celeriac() {{
  local word path="" words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "${{path:+$path }}$word" in {_walk(words)}) path="${{path:+$path }}$word" ;; esac
  done
  case "$path" in
{_cases(words, "words={}")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _celeriac celeriac"""


def zsh(words: Words) -> str:
    """Return the script for zsh."""
    return f"""_celeriac() {{
  local word trail="" found=""
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "${{trail:+$trail }}$word" in {_walk(words)}) trail="${{trail:+$trail }}$word" ;; esac
  done
  case "$trail" in
{_cases(words, "found={}")}
  esac
  compadd -- ${{=found}}
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef _celeriac celeriac"""


def fish(words: Words) -> str:
    """Return the script for fish."""
    lines = ["complete -c celeriac -f"]
    for path, found in words.items():
        steps = path.split()
        condition = " ; and ".join(f"__fish_seen_subcommand_from {step}" for step in steps) or "__fish_use_subcommand"
        lines += [
            f"complete -c celeriac -n {shlex.quote(condition)} -l {word[2:]}"
            if word.startswith("--")
            else f"complete -c celeriac -n {shlex.quote(condition)} -a {word}"
            for word in found
        ]
    return "\n".join(lines)
