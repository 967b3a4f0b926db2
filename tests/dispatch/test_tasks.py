"""What is to be trained, also of ten thousand cells."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.commands import status
from pipeline.common.paths import Paths
from pipeline.dispatch import tasks
from pipeline.study import load
from pipeline.study.plan import Fingerprints
from tests import made
from tests.cells.test_state import finished
from tests.conftest import TINY


def study_of(root: Path, variants: int, seeds: int) -> None:
    """params.yaml, plans and manifest in `root`, as `dvc repro plan` leaves them."""
    names = ["baseline", *(f"v{i}" for i in range(1, variants))]
    with (root / "params.yaml").open("w") as file:
        YAML().dump({**TINY, "variants": {name: {} for name in names}, "seeds": list(range(seeds))}, file)
    paths = Paths(root)
    made.manifest().write(paths.manifest)
    for number, name in enumerate(names):
        made.plan(variant=name, digest=f"plan {max(number, 1)}").write(paths.plan(name))  # baseline and v1 are the same


def test_ten_thousand_cells_are_planned_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study_of(tmp_path, 100, 100)
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    found, over = tasks.open_tasks(load("params.yaml"), Paths())
    assert time.monotonic() - began < 10
    assert (len(found), len(over)) == (9_900, 0)  # two variants of one plan are one cell
    began = time.monotonic()
    status.show(Paths())
    assert time.monotonic() - began < 10
    assert "10000 cells: 10000 to do" in capsys.readouterr().out


def test_finished_cells_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study_of(tmp_path, 3, 1)
    monkeypatch.chdir(tmp_path)
    paths = Paths(tmp_path)
    fingerprint = Fingerprints(paths).of("v2", 0)
    assert fingerprint
    cell = finished(paths)
    made.run(fingerprint=fingerprint).write(cell.run)
    cell.folder.rename(paths.cell(fingerprint).folder)
    found, over = tasks.open_tasks(load("params.yaml"), Paths())
    assert [str(task.cell) for task in found] == ["baseline-0"]
    assert [str(standing.cell) for standing in over] == ["v2-0"]
