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

from pipeline.cells import Standing, scratch, standings
from pipeline.plan import PLANS
from pipeline.study import Study, UserError

LOCKED = re.compile(r"^  train@(\S+):$", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """A cell to train: `name` as in <variant>-<seed>, and all that a node needs to know of it."""

    name: str
    fingerprint: str
    plan: Path
    seed: int

    @property
    def folder(self) -> Path:
        return scratch(self.fingerprint)


def make_plans() -> None:
    """Bring data set and plans up to date through DVC. Raises UserError with DVC's own words."""
    result = _dvc("--wait-for-lock", "repro", "--single-item", "prepare", "plan")
    if result.returncode:
        said = [line.removeprefix("error: ") for line in result.stderr.splitlines() if line.strip()]
        raise UserError("\n".join(said) or "`dvc repro plan` failed and said nothing")


def open_tasks(study: Study) -> tuple[list[Task], list[Standing]]:
    """The cells to train, and those that are finished, in the study's order."""
    unfinished = [str(standing.cell) for standing in standings(study) if standing.state != "done"]
    restore(unfinished)
    finished: list[Standing] = []
    tasks: dict[str, Task] = {}
    for standing in standings(study):
        if standing.state == "done":
            finished.append(standing)
        elif standing.fingerprint:
            cell, plan = standing.cell, PLANS / f"{standing.cell.variant}.json"
            tasks.setdefault(standing.fingerprint, Task(str(cell), standing.fingerprint, plan, cell.seed))
    return list(tasks.values()), finished


def restore(names: Iterable[str], root: Path = Path()) -> None:
    """Check out those of these cells that DVC calls up to date but for outputs that are not here.

    DVC is asked for cells in dvc.lock alone: asking for all of ten thousand takes half a minute.
    """
    lock = root / "dvc.lock"
    locked = set(LOCKED.findall(lock.read_text(encoding="utf-8"))) if lock.exists() else set()
    asked = [f"train@{name}" for name in sorted(locked & set(names))]
    if not asked:
        return
    result = _dvc("--wait-for-lock", "status", "--json", *asked, cwd=root)
    if result.returncode:
        raise UserError(f"`dvc status` failed: {result.stderr.strip()}")
    lost = [
        stage for stage, changes in json.loads(result.stdout).items() if _kinds(changes) == {"changed outs deleted"}
    ]
    if lost:
        _dvc("--wait-for-lock", "checkout", *lost, cwd=root)  # what is not in the cache either is trained again


def _kinds(changes: Sequence[Any]) -> set[str]:
    """What `dvc status` says of a stage, without the paths: `changed outs deleted`, `changed deps modified`, ..."""
    kinds: set[str] = set()
    for change in changes:
        for what, paths in change.items() if isinstance(change, dict) else [(change, {"": ""})]:
            kinds |= {f"{what} {state}".strip() for state in paths.values()}
    return kinds


def _dvc(*words: str, cwd: Path = Path()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *words], cwd=cwd, capture_output=True, text=True, check=False)
