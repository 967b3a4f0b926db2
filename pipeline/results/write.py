"""The writer of data/evaluation: the evaluation's results and everything the later stages read besides."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.common.files import replacing, write_text
from pipeline.common.paths import CellPaths, Paths
from pipeline.evaluation import Evaluation
from pipeline.records import Card, Cost, Manifest, history
from pipeline.records.results import CellResults, Example
from pipeline.records.study import StudyFacts
from pipeline.results.read import HISTORY, METRICS, EvaluationPaths, read
from pipeline.results.views import write_views

THUMBNAIL = 640  # pixels, the longer side of an example's picture


@dataclass(frozen=True)
class Findings:
    """All that data/evaluation is made of, besides histories and pictures."""

    evaluation: Evaluation
    cells: CellResults
    study: StudyFacts
    card: Card
    cost: Cost


def write(findings: Findings, manifest: Manifest, paths: Paths) -> None:
    """Replace data/evaluation, whole."""
    result = findings.evaluation
    with replacing(paths.evaluation) as folder:
        out = EvaluationPaths(folder)
        _write_csv(out.metrics, METRICS, ([row[key] for key in METRICS] for row in result.metrics))
        result.comparison.write(out.comparison)
        result.curves.write(out.curves)
        result.errors.write(out.errors)
        result.boxes.write(out.boxes)
        result.examples.write(out.examples)
        findings.cells.write(out.cells)
        findings.study.write(out.study)
        _write_csv(out.history, HISTORY, _histories(findings.cells, paths))
        findings.card.write(out.card)
        if paths.preview.exists():  # an older `prepare` drew none
            shutil.copyfile(paths.preview, out.preview)
        findings.cost.write(out.cost)
        for example in result.examples.examples:
            _copy_small(example, Path(manifest.reported.images), folder)
        write_views(read(folder))


def _histories(results: CellResults, paths: Paths) -> Iterable[tuple[Any, ...]]:
    for cell in results.cells:
        if cell.state == "done":
            run = CellPaths(paths.run(cell.variant, cell.seed))
            for row in history.read(run.history, f"`dvc checkout --force {run.folder}` brings it back"):
                yield (cell.variant, cell.seed, *row)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def _copy_small(example: Example, images: Path, folder: Path) -> None:
    """The report must not depend on the data set still being there."""
    target = folder / example.picture
    target.parent.mkdir(exist_ok=True)
    with Image.open(images / example.file_name) as image:
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        small.save(target, quality=88)
