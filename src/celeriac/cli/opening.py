"""What a command that looks at the project begins with: the project, its app, and one way to tell what went wrong."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from celeriac.cli import exits
from celeriac.engine.errors import BrokerUnavailable, CeleriacError, ImproperlyConfigured, SchemaMissing
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

Command = Callable[[argparse.Namespace], int]


def project_options(parser: argparse.ArgumentParser, json: str | None = "--json") -> None:
    """Add ``-A`` after the command, and the option for answers that programs read."""
    _add_options(parser, json)


def step_options(parser: argparse.ArgumentParser) -> None:
    """Add the same behind a step of a command. What is not said there leaves what was said before the step."""
    _add_options(parser, "--json", default=argparse.SUPPRESS)


def _add_options(parser: argparse.ArgumentParser, json: str | None, **given: Any) -> None:
    parser.add_argument("-A", "--app", metavar="PROJECT", dest="app_after", help=argparse.SUPPRESS, **given)
    if json is not None:
        about = _("print JSON instead of a table")
        parser.add_argument(*json.split("/"), dest="json", action="store_true", help=about, **given)


def open_app(options: argparse.Namespace) -> Celery:
    """Find the project, set Django up and return its app, whose tasks are known. Raises ``ImproperlyConfigured``."""
    from celeriac.cli.project import find_app, set_up_django  # loads Django
    from celeriac.current import current_app

    app = find_app(options.app) if options.app else None
    set_up_django()
    app = app or current_app()
    app.discover()
    app.finalize()
    return app


def answering(command: Callable[[Celery, argparse.Namespace], int]) -> Command:
    """Return a command that gets the project's app, and answers an error with one sentence and the status that names it."""

    @wraps(command)
    def run(options: argparse.Namespace) -> int:
        try:
            return _flushed(command(open_app(options), options))
        except BrokerUnavailable as error:
            return complain(error, exits.CONFIGURATION if isinstance(error, SchemaMissing) else exits.UNAVAILABLE)
        except (SchemaMissing, ImproperlyConfigured) as error:
            return complain(error, exits.CONFIGURATION)
        except CeleriacError as error:
            return complain(error, exits.FAILED)
        except KeyboardInterrupt:
            return exits.INTERRUPTED
        except BrokenPipeError:
            # Who read our output has seen enough: as `celeriac jobs list | head` does. Nothing is to be flushed at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return exits.OK

    return run


def _flushed(status: int) -> int:
    sys.stdout.flush()
    return status


def complain(error: Any, status: int) -> int:
    """Print a sentence on standard error; return the status."""
    sys.stderr.write(f"{error}\n")
    return status
