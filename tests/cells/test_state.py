"""Where a cell stands, and collecting one: whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.cells.claims import claim
from pipeline.cells.state import collect, predictions, standing
from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256
from pipeline.common.paths import CellPaths, Paths
from pipeline.study import Cell
from tests import made

CELL, PRINT = Cell("se", 1), made.FINGERPRINT


def finished(paths: Paths) -> CellPaths:
    """A scratch folder as training leaves it."""
    cell = paths.cell(PRINT)
    cell.folder.mkdir(parents=True)
    for file in cell.outputs[:-1]:
        file.write_text(file.name)
    made.run(
        variant="first name",
        checkpoint_sha256=file_sha256(cell.checkpoint),
        predictions_sha256=file_sha256(cell.predictions),
    ).write(cell.run)
    cell.done.write_text(PRINT)
    return cell


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def state(paths: Paths) -> tuple[str, str]:
    found = standing(CELL, PRINT, paths)
    return found.state, found.detail


def test_each_state_in_the_life_of_a_cell(paths: Paths) -> None:
    assert standing(CELL, None, paths).detail == "not planned yet"
    assert state(paths) == ("to do", "")
    cell = paths.cell(PRINT)
    with claim(cell.folder):
        assert state(paths) == ("running", "starting")
        made.heartbeat(epoch=2, epochs=5).write(cell.heartbeat)
        assert state(paths) == ("running", "epoch 2 of 5")
    assert state(paths) == ("interrupted", "epoch 2 of 5")
    made.failure().write(cell.failed)
    assert state(paths) == ("failed", "the loss is nan")
    with claim(cell.folder):  # it is tried again
        assert state(paths) == ("running", "epoch 2 of 5")


def test_done_in_scratch_and_done_by_collection_alone(paths: Paths) -> None:
    cell = finished(paths)
    assert state(paths) == ("done", "5 epochs")
    collect(CELL, PRINT, paths)
    names = sorted(file.name for file in paths.run("se", 1).iterdir())
    assert names == sorted(file.name for file in cell.outputs)
    shutil.rmtree(cell.folder)
    assert state(paths) == ("done", "5 epochs")
    assert standing(CELL, "e" * 64, paths).state == "to do"  # another plan's run is not this cell's


def test_a_folder_called_runs_is_nothing_special(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "runs" / "study")
    finished(paths).done.unlink()
    assert state(paths) == ("to do", "")  # not marked whole: what is in it does not count


def test_a_run_is_collected_under_the_name_it_has_now(paths: Paths) -> None:
    finished(paths)
    collect(CELL, PRINT, paths)
    assert '"variant": "se"' in CellPaths(paths.run("se", 1)).run.read_text()


def test_a_broken_file_is_not_collected_and_what_was_there_stays(paths: Paths) -> None:
    cell = finished(paths)
    collect(CELL, PRINT, paths)
    cell.checkpoint.write_text("broken")
    with pytest.raises(UserError, match=rf"checkpoint\.pth: changed or damaged.*; remove .*{PRINT} and run the same"):
        collect(CELL, PRINT, paths)
    target = CellPaths(paths.run("se", 1))
    assert target.checkpoint.read_text() == "checkpoint.pth"
    assert [path.name for path in target.folder.parent.iterdir()] == ["1"]


def test_predictions_are_those_that_the_run_names_or_none(paths: Paths) -> None:
    assert predictions(CELL, PRINT, paths) is None
    cell = finished(paths)
    assert predictions(CELL, PRINT, paths) == cell.predictions
    cell.predictions.write_text("other")
    with pytest.raises(UserError, match=rf"predictions\.json\.gz: changed or damaged.*; remove .*{PRINT} and run the"):
        predictions(CELL, PRINT, paths)


def test_a_damaged_run_is_named(paths: Paths) -> None:
    cell = finished(paths)
    cell.run.write_text('{"schema": 1, "epochs": "many"')
    with pytest.raises(UserError, match=r"run\.json: damaged"):
        state(paths)
