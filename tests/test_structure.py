"""The house's own rules, held over the imports: arrows run down, no circle, and DVC sees all that decides a stage."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

# From top to bottom; rooms of one line do not know each other.
ORDER = (
    {"__main__"},
    {"commands"},
    {"report", "tracking", "dispatch"},
    {"results"},
    {"cells"},
    {"detector", "evaluation", "dataset"},
    {"study"},
    {"attention"},
    {"records"},
    {"common"},
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
Imports = Mapping[str, set[str]]


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the project that its file imports, anywhere in it, but for type checking alone."""
    files = {module_name(path, root): path for path in (root / "pipeline").rglob("*.py")}
    return {name: set(imported(path, name, files)) for name, path in files.items()}


def imported(path: Path, name: str, files: Iterable[str]) -> Iterable[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        # `from package import sibling` is an arrow to the sibling, not to what the package collects for others
        yield from (found for found in names if found in files and found != name and not name.startswith(f"{found}."))


def walk(tree: ast.AST) -> Iterable[ast.AST]:
    """As ast.walk, without what stands under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from walk(node)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def wrong_arrows(found: Imports) -> list[str]:
    return sorted(
        f"{module} -> {other}"
        for module, others in found.items()
        for other in others
        if room(module) and room(other) and room(module) != room(other)
        if LEVEL[room(module)] >= LEVEL[room(other)]
    )


def circles(found: Imports) -> list[str]:
    """Modules that import themselves by way of others."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        queue = [*found[start]]
        while queue:
            module = queue.pop()
            if module not in seen:
                seen.add(module)
                queue += found.get(module, ())
        return seen

    return sorted(module for module in found if "." in module and module in reached(module))


def plant(tmp_path: Path, file: str, line: str) -> Path:
    """A copy of pipeline/ with one import more."""
    for path in (ROOT / "pipeline").rglob("*.py"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    target = tmp_path / file
    target.write_text(target.read_text() + f"\n\ndef planted() -> None:\n    {line}\n")
    return tmp_path


def test_arrows_run_down() -> None:
    assert wrong_arrows(imports(ROOT)) == []


def test_no_circle() -> None:
    assert circles(imports(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "line", "arrow"),
    [
        ("pipeline/study/sections.py", "from pipeline.cells import state", "pipeline.study.sections -> pipeline.cells"),
        ("pipeline/common/files.py", "import pipeline.study.params", "pipeline.common.files -> pipeline.study"),
        (
            "pipeline/dataset/repair.py",
            "from ..evaluation import boxes",
            "pipeline.dataset.repair -> pipeline.evaluation",
        ),
    ],
)
def test_an_arrow_upward_or_sideways_is_seen(tmp_path: Path, file: str, line: str, arrow: str) -> None:
    assert any(found.startswith(arrow) for found in wrong_arrows(imports(plant(tmp_path, file, line))))


def test_a_circle_is_seen(tmp_path: Path) -> None:
    root = plant(tmp_path, "pipeline/evaluation/boxes.py", "from pipeline.evaluation import comparison")
    assert "pipeline.evaluation.boxes" in circles(imports(root))


# ---- what DVC watches


def stages() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    return found


# A stage's function, and the file that holds it. The train stage depends on its plan, which holds digests of the code.
ENTRY = {name: f"pipeline.commands.stages:{name}" for name in stages() if name != "train"}
# What only carries a stage and decides nothing of what it writes.
CARRIES = ("pipeline.__main__", "pipeline.commands", "pipeline.common.progress", "pipeline.common.errors")


def behind(function: str, found: Imports, root: Path) -> set[str]:
    """All modules that a function of a file imports, however far."""
    file, _, name = function.partition(":")
    path = root.joinpath(*file.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    top = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    nodes, queue = list(top), [name]
    while queue:
        node = functions.pop(queue.pop(), None)
        if node is not None:
            nodes.append(node)
            queue += [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    part = ast.unparse(ast.Module(body=nodes, type_ignores=[]))
    scratch = path.with_name("only_this.py")
    scratch.write_text(part)
    try:
        queue = list(imported(scratch, f"{file.rpartition('.')[0]}.only_this", found))
    finally:
        scratch.unlink()
    seen: set[str] = set()
    while queue:
        module = queue.pop()
        if module not in seen:
            seen.add(module)
            queue += found.get(module, ())
            queue += [package for package in (module.rpartition(".")[0],) if package in found]
    return seen


def unwatched(stage: str, found: Imports, root: Path) -> list[str]:
    """Modules behind a stage's command that lie below none of its deps."""
    deps = [dep.replace("/", ".").removesuffix(".py") for dep in stages()[stage]["deps"]]
    return sorted(
        module
        for module in behind(ENTRY[stage], found, root)
        if module != "pipeline" and not module.startswith(CARRIES)
        if not any(module == dep or module.startswith(f"{dep}.") for dep in deps)
    )


@pytest.mark.parametrize("stage", ENTRY)
def test_every_file_behind_a_stage_lies_below_one_of_its_deps(stage: str) -> None:
    assert unwatched(stage, imports(ROOT), ROOT) == []


def test_a_file_that_dvc_does_not_see_is_found(tmp_path: Path) -> None:
    root = plant(tmp_path, "pipeline/report/publish.py", "from pipeline.dispatch import devices")
    assert "pipeline.dispatch.devices" in unwatched("report", imports(root), root)


# ---- what starts without torch

LIGHT = {
    "report": "pipeline.report, pipeline.commands.stages, pipeline.results.read",
    "track": "pipeline.tracking",
    "status": "pipeline.commands.status",
    "plans are read": "pipeline.study.plan, pipeline.study.params",
}


@pytest.mark.parametrize("modules", LIGHT.values(), ids=LIGHT.keys())
def test_what_trains_nothing_starts_without_torch(modules: str) -> None:
    check = f"import sys, {modules}; print([name for name in ('torch', 'mmdet', 'mmcv') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# ---- one place each


def test_no_other_file_spells_a_folder_of_the_study() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in sorted((ROOT / "pipeline").rglob("*.py"))
        if path.name != "paths.py"
        for found in re.findall(r"""["']data/|scratch""", path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


@pytest.mark.parametrize("folder", ["pipeline", "tests", "benchmarks"])
def test_no_file_grows_beyond_four_hundred_lines(folder: str) -> None:
    long = [path.name for path in (ROOT / folder).rglob("*.py") if len(path.read_text().splitlines()) > 400]
    assert long == []
