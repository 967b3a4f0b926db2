"""What is to be trained: the cells of the study that nobody has finished, each fingerprint once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cells.asked import standings
from pipeline.cells.state import Standing
from pipeline.common.errors import UserError
from pipeline.common.paths import CellPaths, Paths
from pipeline.study import Cell, Study

LOCKED = re.compile(r"^  train@(\S+):$", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """A cell to train, and all that a node needs to know of it."""

    cell: Cell
    fingerprint: str
    paths: Paths

    @property
    def plan(self) -> Path:
        return self.paths.plan(self.cell.variant)

    @property
    def files(self) -> CellPaths:
        return self.paths.cell(self.fingerprint)


def make_plans() -> None:
    """Bring data set and plans up to date through DVC. Raises UserError with DVC's own words."""
    result = _dvc("--wait-for-lock", "repro", "--single-item", "prepare", "plan")
    if result.returncode:
        said = [line.removeprefix("error: ") for line in result.stderr.splitlines() if line.strip()]
        raise UserError("\n".join(said) or "`dvc repro plan` failed and said nothing")


def open_tasks(study: Study, paths: Paths) -> tuple[list[Task], list[Standing]]:
    """The cells to train, and those that are finished, in the study's order."""
    found = standings(study, paths)
    if restore((str(standing.cell) for standing in found if standing.state != "done"), paths):
        found = standings(study, paths)
    finished: list[Standing] = []
    tasks: dict[str, Task] = {}
    for standing in found:
        if standing.state == "done":
            finished.append(standing)
        elif standing.fingerprint:
            tasks.setdefault(standing.fingerprint, Task(standing.cell, standing.fingerprint, paths))
    return list(tasks.values()), finished


def restore(names: Iterable[str], paths: Paths) -> bool:
    """Check out those of these cells that DVC calls up to date but for lost outputs; whether there were any.

    DVC is asked for cells in dvc.lock alone: asking for all of ten thousand takes half a minute.
    """
    locked = set(LOCKED.findall(paths.lock.read_text(encoding="utf-8"))) if paths.lock.exists() else set()
    asked = [f"train@{name}" for name in sorted(locked & set(names))]
    if not asked:
        return False
    result = _dvc("--wait-for-lock", "status", "--json", *asked)
    if result.returncode:
        raise UserError(f"`dvc status` failed: {result.stderr.strip()}")
    lost = [
        stage for stage, changes in json.loads(result.stdout).items() if _kinds(changes) == {"changed outs deleted"}
    ]
    if lost:
        _dvc("--wait-for-lock", "checkout", *lost)  # what is not in the cache either is trained again
    return bool(lost)


def _kinds(changes: Sequence[Any]) -> set[str]:
    """What `dvc status` says of a stage, without the paths: `changed outs deleted`, `changed deps modified`, ..."""
    kinds: set[str] = set()
    for change in changes:
        for what, paths in change.items() if isinstance(change, dict) else [(change, {"": ""})]:
            kinds |= {f"{what} {state}".strip() for state in paths.values()}
    return kinds


def _dvc(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)
