"""``celeriac import-beat``: copy the periodic tasks of django-celery-beat into Celeriac's table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from celeriac.cli import exits
from celeriac.cli.opening import answering, project_options
from celeriac.cli.tables import say, show_json, show_table
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery


def import_beat_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    project_options(parser)
    parser.add_argument(
        "--database", metavar="ALIAS", default="default", help=_("where django-celery-beat has its tables (default)")
    )
    parser.add_argument("--dry-run", action="store_true", help=_("write nothing; say what would become of each"))


@answering
def run_import_beat(app: Celery, options: argparse.Namespace) -> int:
    """Copy, and say what became of each. The status is 1 where one could not be copied."""
    from celeriac.compat.beat.importing import Verdict, import_rows

    found = import_rows(app, options.database, write=not options.dry_run)
    if options.json:
        show_json([one._asdict() for one in found])
    else:
        show_table((_("periodic task"), _("what"), ""), [(one.name, _(one.verdict.value), one.about) for one in found])
        verdicts = [one.verdict for one in found]
        counts = ", ".join(f"{verdicts.count(verdict)} {_(verdict.value)}" for verdict in Verdict)
        say(_("{counts}. Nothing was written.").format(counts=counts) if options.dry_run else f"{counts}.")
        say(_after())
    return exits.FAILED if any(one.verdict is Verdict.FAILED for one in found) else exits.OK


def _after() -> str:
    return _(
        "The rows of django-celery-beat stay as they are. Stop 'celery beat' before a worker of Celeriac starts, or both run"
        " them; or disable those rows: update django_celery_beat_periodictask set enabled = false"
    )
