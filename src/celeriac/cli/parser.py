"""The options of the command line, with Celery's names, and answers that name the nearest one to a mistyped option."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from celeriac.cli.as_celery import install_options
from celeriac.cli.beat import beat_options
from celeriac.cli.celery_calls import call_options, purge_options, report_options, result_options
from celeriac.cli.celery_commands import INSTEAD
from celeriac.cli.celery_flags import add_celery_flags
from celeriac.cli.completion import completion_options
from celeriac.cli.doctor import doctor_options
from celeriac.cli.health import health_options
from celeriac.cli.import_beat import import_beat_options
from celeriac.cli.inspecting import control_options, inspect_options
from celeriac.cli.jobs import jobs_options
from celeriac.cli.migrate import migrate_options
from celeriac.cli.migrate_broker import migrate_broker_options
from celeriac.cli.numbers import positive, seconds
from celeriac.cli.prune import prune_options
from celeriac.cli.queues import queues_options
from celeriac.cli.run import run_options
from celeriac.cli.status import status_options
from celeriac.cli.tasks import tasks_options
from celeriac.cli.top import top_options
from celeriac.cli.workers import workers_options
from celeriac.engine.errors import did_you_mean
from celeriac.engine.options import DEFAULT_POOL, POOLS
from celeriac.engine.translation import gettext as _
from celeriac.engine.worker.logs import FORMATS, LEVELS

OTHER_POOLS = ("eventlet", "gevent", "processes")
"""Celery's other pools: accepted, and served by the nearest of ours."""


class Help(argparse.HelpFormatter):
    """Begins with the word for usage in the reader's language."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """Add the line that shows how the command is written."""
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)


STOPS = (".", "?", "。", "？")
SEPARATORS = str.maketrans(dict.fromkeys("',：", " "))


class Parser(argparse.ArgumentParser):
    """Answers an unknown option or command with the nearest one that exists, in the reader's language."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False, add_help=False, formatter_class=Help)
        self.given: list[str] = []
        """The whole command line, for whoever looks for the word that was mistyped."""
        self._positionals.title, self._optionals.title = _("commands"), _("options")
        self.add_argument("-h", "--help", action="help", help=_("show this help and exit"))

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and what was probably meant; exit with status 2."""
        hint = "" if message.endswith(STOPS) else self._nearest(message)
        end = "" if message.endswith(STOPS) else _(".")
        if message.startswith("argument "):
            message = _("argument {rest}").format(rest=message.removeprefix("argument "))
        self.exit(2, f"{self.prog}: {message}{end}{hint}\n{_('See {program} --help').format(program=self.prog)}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not one of the action's choices."""
        if action.choices is not None and value not in action.choices:
            if isinstance(action, argparse._SubParsersAction) and value in INSTEAD:
                self.exit(2, f"{self.prog} {value}: {_(INSTEAD[value])}\n")
            known = [str(choice) for choice in action.choices]
            # The value of an option that does not exist is taken for a command.
            hint = did_you_mean(value, known) or self._nearest(" ".join(self.given))
            text = _("invalid choice: {value!r} (choose from {known}).{hint}")
            raise argparse.ArgumentError(action, text.format(value=value, known=", ".join(map(repr, known)), hint=hint))

    def _nearest(self, message: str) -> str:
        known = self._options()
        wrong = message.partition(": ")[2] if message.startswith("argument ") else message
        for word in wrong.translate(SEPARATORS).split():
            if word.startswith("-") and word not in known:
                hint = did_you_mean(word.partition("=")[0], known)
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


class Detach(argparse.Action):
    """Celery's ``--detach``: answered with what does that better."""

    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> NoReturn:
        text = _(
            "{program} does not detach itself: what starts a worker should also watch it, start it anew and keep its log. Leave"
            " --detach out and let systemd (Type=exec), supervisord or a container run the command as it is. For once:"
            " nohup {program} --logfile worker.log --pidfile worker.pid &"
        )
        parser.exit(2, text.format(program=parser.prog) + "\n")


def slots(text: str) -> int | None:
    """Return a number of slots; None for ``auto``, which leaves it to the machine."""
    return None if text == "auto" else positive(text)


def names(text: str) -> list[str]:
    """Return the parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def level(text: str) -> str:
    """Return a log level's name in capitals."""
    if text.upper() not in LEVELS:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a log level.{hint}").format(text=text, hint=did_you_mean(text.upper(), LEVELS))
        )
    return text.upper()


def pool(text: str) -> str:
    """Return the name of a pool."""
    if text not in (*POOLS, *OTHER_POOLS):
        hint = did_you_mean(text, (*POOLS, *OTHER_POOLS))
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a pool: {pools}.{hint}").format(text=text, pools=", ".join(POOLS), hint=hint)
        )
    return text


def build(program: str) -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog=program, description=_("Background jobs for Django."))
    parser.add_argument(
        "-A", "--app", metavar="PROJECT", help=_("the project's package, or where its Celery object is (proj.celery:app)")
    )
    parser.add_argument("--workdir", metavar="FOLDER", help=_("change into this folder first"))
    parser.add_argument("--version", action="store_true", help=_("print the version and exit"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    worker = commands.add_parser("worker", help=_("run a worker"))
    worker_options(worker)
    up = commands.add_parser("up", help=_("run the site and a worker together; one Ctrl-C stops both"))
    up.add_argument(
        "--bind", default="127.0.0.1:8000", metavar="ADDRESS:PORT", help=_("where the site listens (127.0.0.1:8000)")
    )
    worker_options(up)
    demo = commands.add_parser("demo", help=_("show a small site and its jobs at work, with a database of its own"))
    demo.add_argument("--once", action="store_true", help=_("end after one visit; exit status 0 when every job succeeded"))
    demo.add_argument("--svg", type=Path, metavar="FILE", help=_("also write what was printed to this file, as a picture"))
    add_project_commands(commands)
    migrate_options(commands.add_parser("migrate", help=_("coming from Celery: migrate check")))
    migrate_broker_options(commands.add_parser("migrate-broker", help=_("move what waits in one broker to another")))
    import_beat_options(commands.add_parser("import-beat", help=_("copy the periodic tasks of django-celery-beat")))
    beat_options(commands.add_parser("beat", help=_("fire periodic tasks without running jobs (every worker fires them too)")))
    install_options(commands.add_parser("install-as-celery", help=_("also answer to the command 'celery'")))
    return parser


def add_project_commands(commands: Any) -> None:
    """Add the commands that look at a project's jobs, and those that Celery calls the same."""
    status_options(commands.add_parser("status", help=_("one screen: workers, queues, rates, the oldest job, failures")))
    top_options(commands.add_parser("top", help=_("the same again and again, with what runs")))
    jobs_options(commands.add_parser("jobs", help=_("list, show, retry, cancel and delete jobs")))
    run_options(commands.add_parser("run", help=_("enqueue one job, wait for it, print its result")))
    tasks_options(commands.add_parser("tasks", help=_("list the project's tasks")))
    queues_options(commands.add_parser("queues", help=_("list, pause, resume and purge queues")))
    workers_options(commands.add_parser("workers", help=_("list the living workers")))
    doctor_options(commands.add_parser("doctor", help=_("look for what is wrong; each finding says how to mend it")))
    health_options(commands.add_parser("health", help=_("is the worker of this machine alive? A cheap probe for containers")))
    prune_options(commands.add_parser("prune", help=_("delete the records of ended jobs that are past their age")))
    completion_options(commands.add_parser("completion", help=_("print what bash, zsh or fish complete commands by")))
    inspect_options(commands.add_parser("inspect", help=_("as in Celery: what each worker runs and is")))
    control_options(commands.add_parser("control", help=_("as in Celery: revoke, terminate, rate_limit")))
    call_options(commands.add_parser("call", help=_("as in Celery: enqueue a job, print its id")))
    result_options(commands.add_parser("result", help=_("as in Celery: print the result of a job")))
    purge_options(commands.add_parser("purge", help=_("as in Celery: cancel everything that waits")))
    report_options(commands.add_parser("report", help=_("as in Celery: the versions, for a report of a problem")))


def worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a worker."""
    add = parser.add_argument
    # -A stands before the command in Celery's own words, and after it in many people's.
    add("-A", "--app", metavar="PROJECT", dest="app_after", help=argparse.SUPPRESS)
    add("-l", "--loglevel", type=level, default="WARNING", metavar="LEVEL", help=_("debug, info, warning, error (warning)"))
    add("--log-format", choices=FORMATS, default="plain", help=_("plain lines, or one JSON object a line"))
    add("-f", "--logfile", metavar="FILE", help=_("write the log to this file; %%n is the worker's name, %%h its host"))
    add("--pidfile", metavar="FILE", help=_('keep the pid in this file, with %%n and %%h as above; "" for none'))
    add("-D", "--detach", action=Detach, nargs=0, help=argparse.SUPPRESS)
    add("-c", "--concurrency", type=slots, metavar="N", help=_("child processes, or threads or coroutines of another pool"))
    add("--force", action="store_true", help=_("start as many child processes as -c says, also where memory is short"))
    add(
        "-P",
        "--pool",
        type=pool,
        metavar="POOL",
        help=_("{pools} ({default})").format(pools=", ".join(POOLS), default=DEFAULT_POOL),
    )
    add("-Q", "--queues", type=names, metavar="A,B", help=_("serve only these queues"))
    add("-X", "--exclude-queues", type=names, metavar="A,B", help=_("serve all but these queues"))
    add("-n", "--hostname", metavar="NAME", help=_("the worker's name; %%h is the host, %%n its first part, %%d the domain"))
    add("--time-limit", type=seconds, metavar="S", help=_("kill a job after so many seconds"))
    add("--soft-time-limit", type=seconds, metavar="S", help=_("raise SoftTimeLimitExceeded inside it after so many"))
    add("--max-tasks-per-child", type=positive, metavar="N", help=_("replace a child after N jobs"))
    add("--max-memory-per-child", type=positive, metavar="KIB", help=_("replace a child that uses more memory"))
    add("-r", "--autoreload", action="store_true", help=_("load changed code (for development)"))
    add_celery_flags(parser)


def parse(arguments: Sequence[str] | None, program: str) -> argparse.Namespace:
    """Return the parsed command line. Exits with status 2 on an error, 0 after ``--help``."""
    parser = build(program)
    parser.given = sys.argv[1:] if arguments is None else list(arguments)
    options, left = parser.parse_known_args(parser.given)
    left = _take_words(options, left)
    if left:
        parser.error(_("unrecognized arguments: {words}").format(words=" ".join(left)))
    options.app = getattr(options, "app_after", None) or options.app
    return options


def _take_words(options: argparse.Namespace, left: list[str]) -> list[str]:
    """Give a command the words that stand after its options: argparse leaves them. Returns those that are nobody's."""
    for name in ("arguments", "ids"):
        given = getattr(options, name, None)
        if given is not None and not any(word.startswith("-") for word in left):
            setattr(options, name, [*given, *left])
            return []
    return left
