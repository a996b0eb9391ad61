"""Reading a project and asking each reader for its findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from celeriac.engine.errors import CeleriacError
from celeriac.engine.translation import gettext as _
from celeriac.migrating import commands, imports, tasks
from celeriac.migrating.calls import CallReader
from celeriac.migrating.finding import Category, Finding, Report, in_order
from celeriac.migrating.project import Project
from celeriac.migrating.settings import SettingsReader, app_findings


class NoSuchProject(CeleriacError):
    """There is no folder or file of this name."""


def check(path: Path) -> Report:
    """Return what is to be known about the project in a folder. Nothing of it is run or imported.

    Raises ``NoSuchProject``.
    """
    if not path.exists():
        raise NoSuchProject(
            _("There is no {path} in {folder}. Give the project's folder: celeriac migrate check PATH").format(
                path=path, folder=Path.cwd()
            )
        )
    project = Project(path)
    return Report(str(path), project.files, in_order(_findings(project)))


def _findings(project: Project) -> Iterator[Finding]:
    settings = SettingsReader(project)
    yield from settings.findings()
    yield from app_findings(project)
    yield from imports.findings(project)
    yield from tasks.findings(project, settings)
    yield from CallReader(project, settings).findings()
    yield from commands.findings(project)
    for file, line, why in project.unread:
        yield Finding(
            Category.UNREAD,
            file,
            line,
            "the file",
            _("This Python cannot read it: {why}.").format(why=why),
            _("Look at it by hand."),
        )
