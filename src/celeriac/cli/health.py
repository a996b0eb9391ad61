"""``celeriac health``: is the worker of this machine alive? For containers, which ask every few seconds.

It reads the sign of life that a worker writes, and imports neither Django nor the project: some tens of milliseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from celeriac.cli import exits
from celeriac.engine.translation import gettext as _
from celeriac.engine.vitals import STALE, folder, is_alive, signs


def health_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("-A", "--app", dest="app_after", help=argparse.SUPPRESS)
    parser.add_argument("-n", "--hostname", metavar="NAME", help=_("ask for the worker of this name"))
    parser.add_argument("--ready", action="store_true", help=_("it must also have joined its broker"))
    parser.add_argument("--json", action="store_true", help=_("print JSON"))
    parser.add_argument("-q", "--quiet", action="store_true", help=_("print nothing"))


def run_health(options: argparse.Namespace) -> int:
    """Return 0 where a worker is alive, else 69, with a sentence."""
    found = [sign for sign in signs() if options.hostname in (None, sign.get("name"))]
    living = [sign for sign in found if is_alive(sign)]
    ready = [sign for sign in living if sign.get("state") == "ready"]
    good = ready if options.ready else living
    if not options.quiet:
        _tell(good, None if good else _reason(options, len(found), len(living)), options.json)
    return exits.OK if good else exits.UNAVAILABLE


def _tell(workers: Sequence[Mapping[str, object]], problem: str | None, as_json: bool) -> None:
    """Print the workers that are alive, or why there is none."""
    if as_json:
        told = [{name: worker[name] for name in ("name", "state", "pid")} for worker in workers]
        sys.stdout.write(json.dumps({"workers": told, "problem": problem}, ensure_ascii=False) + "\n")
    elif problem is not None:
        sys.stderr.write(f"{problem}\n")
    else:
        sys.stdout.writelines(f"{worker['name']}: {worker['state']}, pid {worker['pid']}\n" for worker in workers)


def _reason(options: argparse.Namespace, found: int, living: int) -> str:
    if living:
        return _("The worker has not joined its broker yet.")
    if found:
        return _("The worker has given no sign of life for {n} s.").format(n=int(STALE))
    named = _(" of the name {name}").format(name=options.hostname) if options.hostname else ""
    return _(
        "No worker{named} has given a sign of life in {folder}. The probe must run as the worker's user, beside it."
    ).format(named=named, folder=folder())


def main(arguments: Sequence[str], program: str) -> int:
    """Run the probe by itself, without the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog=f"{program} health", allow_abbrev=False)
    health_options(parser)
    return run_health(parser.parse_args(arguments))
