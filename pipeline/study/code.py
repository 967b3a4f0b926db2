"""Which code decides what a cell computes, as a digest of each file's syntax tree: comments and docstrings left out.

The rule is about rooms. What the training imports counts where it computes: the rooms of `COMPUTES`, and whatever
lies outside `pipeline` (a user's own module). The other rooms hold words, files and settings; what they decide is in
the plan already. Of an installed package its version counts.
"""

from __future__ import annotations

import ast
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.common.files import digest
from pipeline.common.paths import PROJECT

ROOT = PROJECT
COMPUTES = ("pipeline.attention", "pipeline.detector")
ATTENTION = ("pipeline.attention", "pipeline.attention._base")  # what builds every module, however it names its base

INSTALLED = "installed: "  # begins the entry of a package that is not of this project


def outside(code: Iterable[str]) -> list[str]:
    """The files among digested ones that are of this project and not of `pipeline`: a user's own modules."""
    return [file for file in code if not file.startswith(("pipeline/", INSTALLED))]


def code_digests(modules: Iterable[str]) -> dict[str, str]:
    """File -> digest of its syntax tree, for `modules` and all that they import which computes.

    Files of the project are named relative to its root, others by their name alone. A module of an installed package
    stands with the package's version. Raises UserError for a module that is not there.
    """
    files: dict[str, str] = {}
    queue = list(modules)
    while queue:
        module = queue.pop()
        path = source_of(module)
        if path is None:
            files |= _installed(module)
            continue
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        if name in files:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        imported = {name for name in _imports(tree, package) if _counts(name)}  # before docstrings go: they hold none
        files[name] = digest(ast.unparse(_without_docstrings(tree)))
        queue += sorted(imported)
        if module.startswith("pipeline.attention."):
            queue += ATTENTION
        elif not module.startswith("pipeline"):  # importing a module runs the files of the packages around it
            queue += [package for package in _around(module) if _exists(package)]
    return dict(sorted(files.items()))


def _counts(module: str) -> bool:
    if module.split(".")[0] == "pipeline" and not module.startswith(tuple(f"{room}." for room in COMPUTES)):
        return module in COMPUTES
    return _exists(module)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Modules of this project that a file in `package` imports, absolutely or relatively.

    `from package import name` may name a module or a thing in one: both the package and such a module are meant.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _exists(alias.name))
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for name in (base, *(f"{base}.{alias.name}" for alias in node.names)):
                if _exists(name):
                    yield name


def _around(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _exists(module: str) -> bool:
    return any(path.is_file() for path in _candidates(module))


def source_of(module: str) -> Path | None:
    """The file of a module of this project; None for one of an installed package."""
    return next((path for path in _candidates(module) if path.is_file()), None)


def _installed(module: str) -> dict[str, str]:
    distributions = importlib.metadata.packages_distributions().get(module.partition(".")[0])
    if not distributions:
        raise UserError(f"{module}: no such module in this project, and no installed package has it")
    return {f"{INSTALLED}{name}": importlib.metadata.version(name) for name in sorted(set(distributions))}


def _candidates(module: str) -> list[Path]:
    """Where the source of a module may lie: in its package's folders, or below the project's root."""
    package, _, leaf = module.rpartition(".")
    folders = [ROOT.joinpath(*package.split("."))] if package else [ROOT]
    if package == attention.__name__:  # it may have further folders
        folders = [Path(folder) for folder in attention.__path__]
    return [path for folder in folders for path in (folder / f"{leaf}.py", folder / leaf / "__init__.py")]
