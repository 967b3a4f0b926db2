"""What is to be trained, also of ten thousand cells."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
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


def seconds(call: Callable[[], object]) -> float:
    """Processor time that a call takes."""
    began = time.process_time()
    call()
    return time.process_time() - began


def test_ten_thousand_cells_cost_ten_times_a_thousand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    took: list[list[float]] = []
    for variants in (10, 100):
        folder = tmp_path / str(variants)
        folder.mkdir()
        study_of(folder, variants, 100)
        monkeypatch.chdir(folder)
        study = load("params.yaml")
        took.append([seconds(partial(tasks.open_tasks, study, Paths())), seconds(partial(status.show, Paths()))])
    found, over = tasks.open_tasks(study, Paths())
    assert (len(found), len(over)) == (9_900, 0)  # two variants of one plan are one cell
    assert "10000 cells: 10000 to do" in capsys.readouterr().out
    assert all(many < 25 * few for few, many in zip(*took, strict=True))  # a quadratic way takes 100 times


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
