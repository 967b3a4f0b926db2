"""Measure every run: its metrics by COCO's protocol, and its metrics in every resample of the images.

The runs are independent, so they go to all cores. Each run is also checked: the match table with equal weights must
give the AP that the engine gives, or the resamples would speak of another metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from pipeline.common.machine import cores
from pipeline.common.progress import OnProgress
from pipeline.evaluation.boxes import Detections, DetectionsSource, Floats, GroundTruth, read_detections
from pipeline.evaluation.contrasts import Sample
from pipeline.evaluation.engine import accumulate
from pipeline.evaluation.examples import image_f1
from pipeline.evaluation.matches import match
from pipeline.evaluation.metrics import all_metrics, curves
from pipeline.evaluation.resampling import Resamples, draw, metric_rows, weighted_ap
from pipeline.evaluation.settings import Pairing
from pipeline.evaluation.units import Units

Runs = Mapping[str, Mapping[int, DetectionsSource]]
Cell = tuple[str, int]  # variant, seed

WORTH_PROCESSES = 20_000_000  # detections times resamples; below, starting processes costs more than it saves


@dataclass(frozen=True)
class Measured:
    """One run. B resamples, V images."""

    metrics: dict[str, float | None]
    curves: dict[str, list[float] | None]
    resampled: dict[str, Floats]  # metric -> (B,)
    f1: Floats  # (V,) of each image, see examples.image_f1


def measure(
    gt: GroundTruth, runs: Runs, units: Units, resamples: int, seed: int, progress: OnProgress | None = None
) -> dict[Cell, Measured]:
    """Every (variant, seed), with the same resamples for all. `progress` is told (done, total)."""
    cells = {
        (variant, run_seed): read_detections(source, gt, f"{variant}, seed {run_seed}")
        for variant, seeds in runs.items()
        for run_seed, source in seeds.items()
    }
    drawn = draw(gt, units, resamples, seed)
    measured = {}
    for done, (cell, resampled, f1) in enumerate(_resampled(gt, drawn, cells), start=1):
        arrays = accumulate(gt, cells[cell])
        metrics = all_metrics(arrays, gt)
        _check(cell, metrics, {name: row[0] for name, row in resampled.items()})
        rows = {name: row[1:] for name, row in resampled.items()}
        measured[cell] = Measured(metrics, curves(arrays), rows, f1)
        if progress:
            progress(done, len(cells))
    return {cell: measured[cell] for cell in cells}


def _resampled(
    gt: GroundTruth, drawn: Resamples, cells: Mapping[Cell, Detections]
) -> Iterator[tuple[Cell, dict[str, Floats], Floats]]:
    """As they come, on all cores where it pays."""
    work = sum(len(found.score) for found in cells.values()) * drawn.positives.shape[2]
    workers = min(cores(), len(cells))
    if workers < 2 or work < WORTH_PROCESSES:
        _prepare(gt, drawn)
        yield from ((cell, *_resample(found)) for cell, found in cells.items())
        return
    with ProcessPoolExecutor(workers, initializer=_prepare, initargs=(gt, drawn)) as pool:
        futures: dict[Future[tuple[dict[str, Floats], Floats]], Cell] = {
            pool.submit(_resample, found): cell for cell, found in cells.items()
        }
        for future in as_completed(futures):
            yield (futures.pop(future), *future.result())


_shared: tuple[GroundTruth, Resamples]  # of this process: too large to send with every run


def _prepare(gt: GroundTruth, drawn: Resamples) -> None:
    global _shared
    _shared = gt, drawn


def _resample(found: Detections) -> tuple[dict[str, Floats], Floats]:
    gt, drawn = _shared
    table = match(gt, found)
    return dict(metric_rows(weighted_ap(table, drawn), gt.category_names)), image_f1(table, gt)


def _check(cell: Cell, metrics: Mapping[str, float | None], equal_weights: Mapping[str, float]) -> None:
    for name, value in equal_weights.items():
        expected = metrics[name]
        same = np.isnan(value) if expected is None else abs(value - expected) < 1e-9
        assert same, f"{cell}: the match table gives {name} {value}, COCOeval {expected}"


def values(measured: Mapping[Cell, Measured], variants: Iterable[str], metric: str) -> dict[str, dict[int, float]]:
    """Variant -> seed -> the metric, where it is defined."""
    table: dict[str, dict[int, float]] = {variant: {} for variant in variants}
    for (variant, seed), run in measured.items():
        value = run.metrics[metric]
        if variant in table and value is not None:
            table[variant][seed] = value
    return table


def sample(
    measured: Mapping[Cell, Measured],
    groups: Sequence[str],
    seeds: Sequence[int],
    metric: str,
    units: int,
    pairing: Pairing,
) -> Sample:
    """The runs of these groups and seeds, NaN where there is none."""
    size = len(next(iter(measured.values())).resampled[metric])
    points = np.full((len(groups), len(seeds)), np.nan)
    drawn = np.full((*points.shape, size), np.nan)
    for at, group in enumerate(groups):
        for column, seed in enumerate(seeds):
            run = measured.get((group, seed))
            value = run.metrics[metric] if run else None
            if run and value is not None:
                points[at, column], drawn[at, column] = value, run.resampled[metric]
    return Sample(points, drawn, units, pairing)
