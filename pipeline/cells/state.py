"""Where each cell stands, read from its working folder; collecting a finished one into data/runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.cells.claims import owner
from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256, replacing
from pipeline.common.paths import CellPaths, Paths
from pipeline.common.text import plain
from pipeline.records import Failure, Heartbeat, Run
from pipeline.study.params import Cell

State = Literal["done", "running", "interrupted", "failed", "to do"]


@dataclass(frozen=True)
class Standing:
    """A cell's state; `detail` says at which epoch, or why not; `seconds` is its training time once done."""

    cell: Cell
    fingerprint: str | None
    state: State
    detail: str = ""
    seconds: float | None = None


def standing(cell: Cell, fingerprint: str | None, paths: Paths) -> Standing:
    if fingerprint is None:
        return Standing(cell, None, "to do", "not planned yet")
    working = paths.cell(fingerprint)
    run = finished(cell, fingerprint, paths)
    if run:
        return Standing(cell, fingerprint, "done", f"{run.epochs} epochs", run.seconds)
    if not working.folder.exists():
        return Standing(cell, fingerprint, "to do")
    beat = Heartbeat.read_if_there(working.heartbeat)
    at = f"epoch {beat.epoch} of {beat.epochs}" if beat else ""
    if owner(working.folder):
        return Standing(cell, fingerprint, "running", at or "starting")
    failure = Failure.read_if_there(working.failed)
    if failure:
        return Standing(cell, fingerprint, "failed", plain(failure.reason))
    return Standing(cell, fingerprint, "interrupted", at) if beat else Standing(cell, fingerprint, "to do")


def finished(cell: Cell, fingerprint: str, paths: Paths) -> Run | None:
    """The run of a cell that is done."""
    found = _results(cell, fingerprint, paths)
    return found[1] if found else None


def predictions(cell: Cell, fingerprint: str, paths: Paths) -> Path | None:
    """The detections of a cell that is done, checked against its run.json. Raises UserError."""
    found = _results(cell, fingerprint, paths)
    return detections(*found) if found else None


def detections(folder: CellPaths, run: Run) -> Path:
    """The predictions that lie in `folder`, if they are those that its run.json names. Raises UserError."""
    if not folder.predictions.exists():
        raise UserError(f"{folder.predictions}: no such file; {_way_out(folder)}")
    if file_sha256(folder.predictions) != run.predictions_sha256:
        raise _changed(folder.predictions, folder)
    return folder.predictions


def _changed(file: Path, folder: CellPaths) -> UserError:
    return UserError(f"{file}: changed or damaged, run.json beside it names another sha256; {_way_out(folder)}")


def _way_out(folder: CellPaths) -> str:
    if folder.done.exists():  # a working folder
        return f"remove {folder.folder} and run the same again: the cell trains anew"
    return f"`dvc checkout --force {folder.folder}` brings it back"


def _results(cell: Cell, fingerprint: str, paths: Paths) -> tuple[CellPaths, Run] | None:
    """Where a finished cell lies: in its working folder, marked whole, or collected (which is whole by itself)."""
    working, collected = paths.cell(fingerprint), CellPaths(paths.run(cell.variant, cell.seed))
    for folder, whole in ((working, working.done.exists()), (collected, True)):
        run = Run.read_if_there(folder.run) if whole else None
        if run and run.fingerprint == fingerprint:
            return folder, run
    return None


def collect(cell: Cell, fingerprint: str, paths: Paths, target: Path | None = None) -> None:
    """Copy a finished cell from its working folder to `target`, by default its place in data/runs, whole or not at all,
    checked against its digests.

    A cell shared by two variants (one renamed, say) is collected under each name.
    """
    source = paths.cell(fingerprint)
    run = Run.read(source.run)
    with replacing(target or paths.matrix_run(cell.variant, cell.seed)) as part:
        copy = CellPaths(part)
        for original in source.outputs[:-1]:
            shutil.copyfile(original, part / original.name)
        for file, sha256 in ((copy.checkpoint, run.checkpoint_sha256), (copy.predictions, run.predictions_sha256)):
            if file_sha256(file) != sha256:
                raise _changed(source.folder / file.name, source)
        run.model_copy(update={"variant": cell.variant}).write(copy.run)
