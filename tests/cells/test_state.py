"""Where a cell stands, and collecting one: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cells import state as cells
from pipeline.cells.claims import claim
from pipeline.common.files import file_sha256, write_json
from pipeline.study import Cell

CELL, PRINT = Cell("se", 1), "f" * 64


def finished(root: Path) -> Path:
    """A scratch folder as training leaves it."""
    folder = cells.scratch(PRINT, root)
    folder.mkdir(parents=True)
    for name in cells.OUTPUTS[:-1]:
        (folder / name).write_text(name)
    digests = {
        "checkpoint_sha256": file_sha256(folder / "checkpoint.pth"),
        "predictions_sha256": file_sha256(folder / "predictions.json.gz"),
    }
    run = {"fingerprint": PRINT, "variant": "first name", "seed": 1, "epochs": 5, "seconds": 9.0, **digests}
    write_json(folder / "run.json", run)
    (folder / "DONE").write_text(PRINT)
    return folder


def state(root: Path) -> tuple[str, str]:
    standing = cells.standing(CELL, PRINT, root)
    return standing.state, standing.detail


def test_each_state_in_the_life_of_a_cell(tmp_path: Path) -> None:
    assert cells.standing(CELL, None, tmp_path).detail == "not planned yet"
    assert state(tmp_path) == ("to do", "")
    folder = cells.scratch(PRINT, tmp_path)
    with claim(folder):
        assert state(tmp_path) == ("running", "starting")
        write_json(folder / "heartbeat.json", {"epoch": 2, "epochs": 5})
        assert state(tmp_path) == ("running", "epoch 2 of 5")
    assert state(tmp_path) == ("interrupted", "epoch 2 of 5")
    write_json(folder / "FAILED", {"kind": "diverged", "reason": "the loss is nan", "tail": []})
    assert state(tmp_path) == ("failed", "the loss is nan")
    with claim(folder):  # it is tried again
        assert state(tmp_path) == ("running", "epoch 2 of 5")


def test_done_in_scratch_and_done_by_collection_alone(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    assert state(tmp_path) == ("done", "5 epochs")
    target = cells.collect(CELL, PRINT, tmp_path)
    assert sorted(path.name for path in target.iterdir()) == sorted(cells.OUTPUTS)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert state(tmp_path) == ("done", "5 epochs")
    assert cells.standing(CELL, "e" * 64, tmp_path).state == "to do"  # another plan's run is not this cell's


def test_a_run_is_collected_under_the_name_it_has_now(tmp_path: Path) -> None:
    finished(tmp_path)
    assert '"variant": "se"' in (cells.collect(CELL, PRINT, tmp_path) / "run.json").read_text()


def test_a_broken_file_is_not_collected_and_what_was_there_stays(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    cells.collect(CELL, PRINT, tmp_path)
    (folder / "checkpoint.pth").write_text("broken")
    with pytest.raises(OSError, match=r"checkpoint\.pth does not match"):
        cells.collect(CELL, PRINT, tmp_path)
    target = cells.collected(CELL, tmp_path)
    assert (target / "checkpoint.pth").read_text() == "checkpoint.pth"
    assert [path.name for path in target.parent.iterdir()] == ["1"]
