"""`status` names what to do next about a cell that failed: its reason, and where its log is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.commands import status
from pipeline.common.paths import Paths
from pipeline.study.plan import fingerprint
from tests import made
from tests.conftest import TINY


def test_a_failed_cell_shows_its_reason_and_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = Paths(tmp_path)
    with paths.params.open("w") as file:
        YAML().dump(TINY, file)
    plan, manifest = made.plan(variant="se"), made.manifest()
    plan.write(paths.plan("se"))
    manifest.write(paths.manifest)
    cell = paths.cell(fingerprint(plan.digest, manifest.digest, 1))
    made.failure(reason="the loss is nan at iteration 7").write(cell.failed)
    status.show(paths)
    shown = capsys.readouterr().out
    assert "se-1: the loss is nan at iteration 7" in shown
    assert f"log: {cell.log}" in shown
    assert "4 cells: 3 to do, 1 failed" in shown
