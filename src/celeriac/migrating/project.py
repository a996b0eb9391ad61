"""A project's files, read and parsed: its Python modules, what starts its processes, and which names in them are Celery's."""

from __future__ import annotations

import ast
import os
import re
import tokenize
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from celeriac.migrating.values import dotted

SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "static", "media", "bower_components"})
MOST_BYTES = 2_000_000
"""A file that is larger was not written by hand."""

_OURS = (b"celer", b"kombu", b"billiard", b"broker_", b"apply_async", b"installed_apps", b"time_zone", b"redbeat", b"flower",
         b".task", b".s(")  # fmt: skip
"""A Python file that concerns us holds one of these, in small letters or large."""

_STARTS = re.compile(
    r"(?i)^(procfile.*|.*\.procfile|.*\.(conf|ini|cfg|service|sh|bash|bat|cmd|ps1|mk|ya?ml|toml|dockerfile|cron|default)"
    r"|makefile|justfile|taskfile|dockerfile.*|crontab|celeryd|celerybeat|honcho.*|circus.*)$"
)
"""Names of files that start processes."""

APP = "celery.current_app"
"""What every Celery object is called here, whatever its name in the project."""

CLASSES = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery"})


class Module:
    """A Python file. ``names`` says what its names mean: ``{"delay_me": "celery.shared_task", "app": APP}``.

    A name imported from celeriac is judged as Celery's of the same name, and remembered in ``ours``.
    """

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.file = file
        self.tree = tree
        self.nodes = list(ast.walk(tree))
        self.values = {
            target.id: node.value
            for node in self.nodes
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.names: dict[str, str] = {}
        self.ours: set[str] = set()
        for node in self.nodes:
            self._take_imports(node)
        self.apps = set(self._find_apps())
        self.names.update(dict.fromkeys(self.apps, APP))

    def _take_imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self._take(name, alias.name if alias.asname else name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._take(alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}")

    def _take(self, name: str, meant: str) -> None:
        if meant.partition(".")[0] == "celeriac":
            self.ours.add(name)
            meant = "celery" + meant.removeprefix("celeriac")
        self.names[name] = meant

    def _find_apps(self) -> Iterator[str]:
        """Yield the names given to a Celery object, made in place or by a function of this file."""
        functions = [node for node in self.nodes if isinstance(node, ast.FunctionDef)]
        makers = {function.name for function in functions if any(self._is_app(node) for node in ast.walk(function))}
        for node in self.nodes:
            if isinstance(node, ast.Assign) and (self._is_app(node.value) or _calls_one_of(makers, node.value)):
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))

    def _is_app(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and self.meaning(node.func) in CLASSES

    def meaning(self, node: ast.expr) -> str:
        """Return the full name of an expression such as ``app.control.inspect``: ``celery.current_app.control.inspect``."""
        root, dot, rest = dotted(node).partition(".")
        meant = f"{self.names.get(root, root)}{dot}{rest}"
        return meant.replace("celery.app.current_app", APP, 1).replace("celery._state.current_app", APP, 1)

    @cached_property
    def guarded(self) -> frozenset[int]:
        """Lines of imports that may fail, or that only a type checker reads."""
        lines: set[int] = set()
        for node in self.nodes:
            if _may_fail(node) or _is_for_types(node):
                lines.update(_lines(node))
        return frozenset(lines)

    @property
    def dotted_path(self) -> str:
        """The path as an import would write it: ``shop.tasks``."""
        return ".".join(PurePosixPath(self.file).with_suffix("").parts).removesuffix(".__init__")


class Project:
    """All of it. ``unread`` are the files that this Python cannot parse, with the line and the reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[Module] = []
        self.starters: list[tuple[str, str]] = []
        self.unread: list[tuple[str, int, str]] = []
        self.files = 0
        for path in files_of(folder):
            self._read(path)
        self._share_apps()

    def _read(self, path: Path) -> None:
        file = path.relative_to(self.folder).as_posix() if self.folder.is_dir() else path.name
        if path.suffix == ".py":
            self.files += 1
            self._parse(path, file)
        elif _STARTS.match(path.name) or _is_script(path):
            self.files += 1
            self.starters.append((file, path.read_text("utf-8", errors="replace")))

    def _parse(self, path: Path, file: str) -> None:
        try:
            written = path.read_bytes().lower()
            if not any(word in written for word in _OURS):
                return
            with tokenize.open(path) as stream, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what its own Python says of an old escape is not our matter
                self.modules.append(Module(file, ast.parse(stream.read())))
        except (SyntaxError, ValueError, RecursionError, OSError) as error:
            self.unread.append((file, getattr(error, "lineno", None) or 1, getattr(error, "msg", None) or str(error)))

    def _share_apps(self) -> None:
        """A Celery object imported from the module of the project that makes it, or as ``celery_app``, is one too."""
        makers = {module.dotted_path.rpartition(".")[2]: module.apps for module in self.modules if module.apps}
        roots = {module.dotted_path.partition(".")[0] for module in self.modules} - {"celery"}
        for module in self.modules:
            for name, meant in module.names.items():
                home, _, last = meant.rpartition(".")
                is_ours = home.startswith(".") or home.partition(".")[0] in roots
                if is_ours and (last == "celery_app" or last in makers.get(home.rpartition(".")[2], ())):
                    module.names[name] = APP


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the project's own files in order: none of hidden folders and of virtual environments. Links are not followed."""
    if folder.is_file():
        yield folder
        return
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not name.startswith(".") and not Path(place, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file() and path.stat().st_size <= MOST_BYTES:
                yield path


def _is_script(path: Path) -> bool:
    """Return whether a file without an ending in its name begins with ``#!``."""
    if path.suffix:
        return False
    with path.open("rb") as stream:
        return stream.read(2) == b"#!"


def _calls_one_of(functions: set[str], node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions


def _is_import_error(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind) in ("ImportError", "ModuleNotFoundError", "Exception") for kind in kinds)


def _may_fail(node: ast.AST) -> bool:
    return isinstance(node, ast.Try) and any(_is_import_error(handler) for handler in node.handlers)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING")


def _lines(node: ast.AST) -> Iterator[int]:
    """Yield the lines of a block's body."""
    body: list[ast.stmt] = getattr(node, "body", [])
    for statement in body:
        yield from range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
