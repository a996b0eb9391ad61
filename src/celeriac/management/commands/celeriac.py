"""``manage.py celeriac worker``: the same command line, with the project's settings."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from celeriac.cli.main import main


class Command(BaseCommand):
    """Hands its arguments over as they are."""

    help = "Run Celeriac: a worker, or the site and a worker together."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Start the command line of ``celeriac``; it ends the process."""
        raise SystemExit(main(argv[2:], program=f"{argv[0]} {argv[1]}"))

    def handle(self, *args: str, **options: object) -> None:
        """Run from ``call_command``."""
        raise SystemExit(main(list(args)))
