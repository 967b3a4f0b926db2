"""Copies are no seeds: runs of one variant with the same detections, or the same checkpoint, are one run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pipeline.evaluation.boxes import Detections

Cell = tuple[str, int]  # variant, seed


def copied(
    runs: Mapping[str, Mapping[int, Detections]], checkpoints: Mapping[Cell, str] | None = None
) -> dict[Cell, Cell]:
    """Run -> the earlier run of its variant that it equals, in detections or in the digest of its checkpoint.

    Runs that detect nothing are alike without being copies.
    """
    first: dict[tuple[str, str], Cell] = {}
    copies: dict[Cell, Cell] = {}
    for variant, seeds in runs.items():
        for seed, detections in seeds.items():
            cell = variant, seed
            marks = [_digest(detections)] if len(detections.score) else []
            marks += [checkpoints[cell]] if checkpoints and cell in checkpoints else []
            for mark in marks:
                original = first.setdefault((variant, mark), cell)
                if original != cell:
                    copies[cell] = original
    return copies


def _digest(detections: Detections) -> str:
    content = hashlib.sha256()
    for column in (detections.image, detections.category, detections.boxes, detections.score):
        content.update(column.tobytes())
    return content.hexdigest()
