"""Which files a config of the user's own is made of, read from its source: it is not run for that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

BASE = "_base_"


def files_of(path: Path) -> list[Path]:
    """`path` and all that it inherits from, MMDetection's own configs left out (`mmdet::...`, `mmdet.configs...`)."""
    found: list[Path] = []
    queue = [path]
    while queue:
        file = queue.pop()
        if file not in found:
            found.append(file)
            queue += _bases(file) if file.is_file() else []
    return found


def _bases(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == BASE for t in node.targets):
            for name in _strings(node.value):
                if "::" not in name:
                    yield file.parent / name
        if isinstance(node, ast.With) and "read_base" in ast.unparse(node.items[0].context_expr):
            yield from (_imported(file, part) for part in node.body if isinstance(part, ast.ImportFrom) and part.level)


def _strings(value: ast.expr) -> list[str]:
    return [node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _imported(file: Path, node: ast.ImportFrom) -> Path:
    folder = file.parents[node.level - 1]
    return folder.joinpath(*(node.module or "").split(".")).with_suffix(".py")
