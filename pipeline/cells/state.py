"""Where each cell stands, read from its scratch folder; collecting a finished one into data/runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.cells.claims import owner
from pipeline.common.files import file_sha256, read_json, read_json_if_whole, write_json
from pipeline.study import Cell, Study
from pipeline.study.plan import Fingerprints

SCRATCH, RUNS = Path("scratch"), Path("data/runs")
OUTPUTS = ("predictions.json.gz", "history.csv", "checkpoint.pth", "run.json")


@dataclass(frozen=True)
class Standing:
    """A cell's state; `detail` says at which epoch, or why not; `seconds` is its training time once done."""

    cell: Cell
    fingerprint: str | None
    state: Literal["done", "running", "interrupted", "failed", "to do"]
    detail: str = ""
    seconds: float | None = None


def scratch(fingerprint: str, root: Path = Path()) -> Path:
    return root / SCRATCH / fingerprint


def collected(cell: Cell, root: Path = Path()) -> Path:
    return root / RUNS / cell.variant / str(cell.seed)


def standings(study: Study, root: Path = Path()) -> Iterator[Standing]:
    """Every cell of the study in its order; cheap enough for ten thousand."""
    fingerprints = Fingerprints(root)
    for cell in study.cells():
        yield standing(cell, fingerprints.of(cell.variant, cell.seed), root)


def standing(cell: Cell, fingerprint: str | None, root: Path = Path()) -> Standing:
    if fingerprint is None:
        return Standing(cell, None, "to do", "not planned yet")
    for folder in (scratch(fingerprint, root), collected(cell, root)):
        run = read_json_if_whole(folder / "run.json")
        if (
            run
            and run["fingerprint"] == fingerprint
            and (folder.parent.parent.name == "runs" or (folder / "DONE").exists())
        ):
            return Standing(cell, fingerprint, "done", f"{run['epochs']} epochs", run["seconds"])
    folder = scratch(fingerprint, root)
    if not folder.exists():
        return Standing(cell, fingerprint, "to do")
    holder, beat = owner(folder), read_json_if_whole(folder / "heartbeat.json")
    at = f"epoch {beat['epoch']} of {beat['epochs']}" if beat else ""
    if holder:
        return Standing(cell, fingerprint, "running", at or "starting")
    failed = read_json_if_whole(folder / "FAILED")
    if failed:
        return Standing(cell, fingerprint, "failed", failed["reason"])
    return Standing(cell, fingerprint, "interrupted", at) if beat else Standing(cell, fingerprint, "to do")


def is_done(fingerprint: str, root: Path = Path()) -> bool:
    return (scratch(fingerprint, root) / "DONE").exists()


def collect(cell: Cell, fingerprint: str, root: Path = Path()) -> Path:
    """Copy a finished cell from scratch to data/runs, whole or not at all, checked against its digests.

    A cell shared by two variants (one renamed, say) is collected under each name.
    """
    source, target = scratch(fingerprint, root), collected(cell, root)
    run = read_json(source / "run.json")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name in OUTPUTS[:-1]:
            shutil.copyfile(source / name, part / name)
        for name, key in (("checkpoint.pth", "checkpoint_sha256"), ("predictions.json.gz", "predictions_sha256")):
            if file_sha256(part / name) != run[key]:
                raise OSError(
                    f"{source / name} does not match the digest in its run.json; remove {source} and run again"
                )
        write_json(part / "run.json", {**run, "variant": cell.variant})
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target
