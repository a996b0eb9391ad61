"""The options of the command line, with Celery's names, and answers that name the nearest one to a mistyped option."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from celeriac.engine.errors import did_you_mean
from celeriac.engine.options import POOLS
from celeriac.engine.worker.logs import FORMATS, LEVELS

OTHER_POOLS = ("eventlet", "gevent", "processes")
"""Celery's other pools: accepted, and served by the nearest of ours."""


class Parser(argparse.ArgumentParser):
    """Answers an unknown option or command with the nearest one that exists."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and what was probably meant; exit with status 2."""
        hint = "" if "Did you mean" in message else self._nearest(message)
        end = "" if message.endswith((".", "?")) else "."
        self.exit(2, f"{self.prog}: {message}{end}{hint}\nSee {self.prog} --help\n")

    def _nearest(self, message: str) -> str:
        known = self._options()
        known += [str(choice) for action in self._actions if action.choices for choice in action.choices]
        wrong = message.partition(": ")[2] if message.startswith("argument ") else message
        for word in wrong.replace("'", " ").replace(",", " ").split():
            if word.startswith("-") or "invalid choice" in message:
                hint = did_you_mean(word.partition("=")[0], [name for name in known if name != word])
                if hint:
                    return hint
        return ""

    def _options(self) -> list[str]:
        """Return the long options of this parser and of its commands: an unknown one is reported by the outermost parser."""
        options = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                options += [option for command in action.choices.values() for option in command._options()]
        return options


def seconds(text: str) -> float:
    """Return a positive number of seconds."""
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def positive(text: str) -> int:
    """Return a positive whole number."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def names(text: str) -> list[str]:
    """Return the parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def level(text: str) -> str:
    """Return a log level's name in capitals."""
    if text.upper() not in LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a log level.{did_you_mean(text.upper(), LEVELS)}")
    return text.upper()


def pool(text: str) -> str:
    """Return the name of a pool."""
    if text not in (*POOLS, *OTHER_POOLS):
        hint = did_you_mean(text, (*POOLS, *OTHER_POOLS))
        raise argparse.ArgumentTypeError(f"{text!r} is not a pool: {', '.join(POOLS)}.{hint}")
    return text


def build(program: str) -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog=program, description="Background jobs for Django.", allow_abbrev=False)
    parser.add_argument(
        "-A", "--app", metavar="PROJECT", help="the project's package, or where its Celery object is (proj.celery:app)"
    )
    parser.add_argument("--workdir", metavar="FOLDER", help="change into this folder first")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    worker = commands.add_parser("worker", help="run a worker", allow_abbrev=False)
    worker_options(worker)
    up = commands.add_parser("up", help="run the site and a worker together; one Ctrl-C stops both", allow_abbrev=False)
    up.add_argument("--bind", default="127.0.0.1:8000", metavar="ADDRESS:PORT", help="where the site listens (127.0.0.1:8000)")
    worker_options(up)
    return parser


def worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a worker."""
    add = parser.add_argument
    # -A stands before the command in Celery's own words, and after it in many people's.
    add("-A", "--app", metavar="PROJECT", dest="app_after", help=argparse.SUPPRESS)
    add("-l", "--loglevel", type=level, default="WARNING", metavar="LEVEL", help="debug, info, warning, error (warning)")
    add("--log-format", choices=FORMATS, default="plain", help="plain lines, or one JSON object a line")
    add("-c", "--concurrency", type=positive, metavar="N", help="child processes, or threads or coroutines of another pool")
    add("-P", "--pool", type=pool, metavar="POOL", help=f"{', '.join(POOLS)} (prefork)")
    add("-Q", "--queues", type=names, metavar="A,B", help="serve only these queues")
    add("-X", "--exclude-queues", type=names, metavar="A,B", help="serve all but these queues")
    add("-n", "--hostname", metavar="NAME", help="the worker's name; %%h is the host, %%n its first part, %%d the domain")
    add("--time-limit", type=seconds, metavar="S", help="kill a job after so many seconds")
    add("--soft-time-limit", type=seconds, metavar="S", help="raise SoftTimeLimitExceeded inside it after so many")
    add("--max-tasks-per-child", type=positive, metavar="N", help="replace a child after N jobs")
    add("--max-memory-per-child", type=positive, metavar="KIB", help="replace a child that uses more memory")
    add("-r", "--autoreload", action="store_true", help="load changed code (for development)")
    for flag in ("--without-gossip", "--without-mingle", "--without-heartbeat", "-E", "--task-events"):
        add(flag, action="store_true", help=argparse.SUPPRESS)  # Celery's; there is nothing here that they would turn off
    for option in ("-O", "--prefetch-multiplier", "--heartbeat-interval"):
        add(option, help=argparse.SUPPRESS)


def parse(arguments: Sequence[str] | None, program: str) -> argparse.Namespace:
    """Return the parsed command line. Exits with status 2 on an error, 0 after ``--help``."""
    options = build(program).parse_args(sys.argv[1:] if arguments is None else list(arguments))
    options.app = getattr(options, "app_after", None) or options.app
    return options
