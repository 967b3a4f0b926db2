"""One call each for the evaluate stage and for a notebook: detections in, everything that is written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.common.errors import UserError
from pipeline.common.progress import OnProgress
from pipeline.evaluation import outcomes
from pipeline.evaluation.assemble import Design, assemble
from pipeline.evaluation.boxes import (
    Detections,
    GroundTruth,
    GroundTruthSource,
    Ints,
    read_detections,
    read_ground_truth,
)
from pipeline.evaluation.comparison import PRIMARY, Comparison, Look
from pipeline.evaluation.copies import copied
from pipeline.evaluation.errors import error_types, tide
from pipeline.evaluation.examples import choose, examples
from pipeline.evaluation.matches import positives
from pipeline.evaluation.metrics import RECALLS, coco_metrics
from pipeline.evaluation.noise import noise_floor
from pipeline.evaluation.runs import Cell, Measured, Runs, measure, values
from pipeline.evaluation.settings import DEFAULT, Pairing, Settings
from pipeline.evaluation.units import Units, image_groups
from pipeline.records.results import BoxCounts, BoxTable, Curves, ErrorTypes, Examples


@dataclass(frozen=True)
class Evaluation:
    """What the evaluate stage writes."""

    metrics: list[dict[str, Any]]  # {variant, seed, metric, value}
    comparison: Comparison
    curves: Curves
    errors: ErrorTypes
    examples: Examples
    boxes: BoxTable


def compare(
    ground_truth: GroundTruthSource,
    runs: Runs,
    baseline: str = DEFAULT.baseline,
    resamples: int = DEFAULT.resamples,
    seed: int = DEFAULT.seed,
    equivalence: float = DEFAULT.equivalence,
    alpha: float = DEFAULT.alpha,
    groups: Mapping[int, str] | None = None,
    pairing: Pairing = DEFAULT.pairing,
) -> Comparison:
    """Compare all variants with the baseline in AP. `runs` is variant -> {seed: detections or their path}.

    `groups`: image id -> name of the video, scene or place that it belongs to; images of one group are drawn
    together. Seeds that some variant has and another lacks are listed in `.refusals`, and that variant is not
    compared; seeds that the baseline alone has make its mean surer (not with `pairing="seeds"`).
    """
    gt = _read(ground_truth, runs, baseline)
    found = _detections(gt, runs)
    units = Units.of(gt, groups)
    seeds = sorted({s for variant, of_variant in runs.items() for s in of_variant if variant != baseline})
    seeds = seeds or sorted(runs[baseline])
    design = Design(
        variants=list(runs),
        baseline=baseline,
        seeds=seeds,
        extra=[s for s in runs[baseline] if s not in seeds],
        copies=copied(found),
    )
    settings = Settings(resamples, seed, equivalence, alpha, pairing)
    return assemble(gt, units, measure(gt, found, units, resamples, seed), design, settings)


def evaluate(
    ground_truth: GroundTruthSource,
    runs: Runs,
    *,
    baseline: str,
    expected_seeds: Sequence[int],
    settings: Settings,
    split: str = "val",
    contracts: Mapping[str, Mapping[str, Any]] | None = None,
    repeats: Runs | None = None,
    progress: OnProgress | None = None,
    groups: Mapping[int, str] | None = None,
    extra_seeds: Sequence[int] = (),
    checkpoints: Mapping[Cell, str] | None = None,
    looked: Sequence[int] = (),
) -> Evaluation:
    """Everything from saved detections. Pure: the same inputs give the same output.

    `contracts`: variant -> config path -> value, of all that must be equal across variants; what differs refuses the
    comparison. `repeats`: the A/A variants, for the noise floor; they are measured and not compared. `progress` is
    told (runs done, all runs). `groups`: as in `compare`. `extra_seeds`: of the baseline alone. `checkpoints`: their
    digests, by cell; equal ones are one run. `looked`: the numbers of seeds at which the study was judged undeclared,
    this time included.
    """
    gt = _read(ground_truth, runs, baseline)
    refusals = []
    if contracts:
        differences = outcomes.config_differences(contracts, baseline)
        if differences:
            refusals.append(outcomes.config_differs(differences))
    found, units = _detections(gt, runs), Units.of(gt, groups)
    measured = measure(gt, found, units, settings.resamples, settings.seed, progress)
    again = {(v, s): coco_metrics(gt, d) for v, seeds in (repeats or {}).items() for s, d in seeds.items()}
    design = Design(
        variants=list(runs),
        baseline=baseline,
        seeds=list(expected_seeds),
        extra=extra_seeds,
        split=split,
        refusals=refusals,
        copies=copied(found, checkpoints),
        looked=looked,
        noise_floor=noise_floor(values(measured, [baseline], PRIMARY)[baseline], _primary(again)),
    )
    return Evaluation(
        metrics=metric_rows({cell: run.metrics for cell, run in measured.items()} | again),
        comparison=assemble(gt, units, measured, design, settings),
        curves=mean_curves(measured),
        errors=error_types({v: {s: tide(gt, d) for s, d in seeds.items()} for v, seeds in found.items()}, baseline),
        examples=_examples(gt, found, measured, baseline, expected_seeds, settings.seed),
        boxes=box_table(gt),
    )


def decide(
    ground_truth: GroundTruthSource, runs: Runs, *, baseline: str, seeds: Sequence[int], settings: Settings
) -> tuple[Look, ...]:
    """What the declared looks decide of the runs at hand; `seeds` are those of all looks. As in `evaluate`, which says
    the rest, images are grouped where their records name groups."""
    gt = _read(ground_truth, runs, baseline)
    found, units = _detections(gt, runs), Units.of(gt, image_groups(gt))
    measured = measure(gt, found, units, settings.resamples, settings.seed)
    design = Design(variants=list(runs), baseline=baseline, seeds=seeds, copies=copied(found))
    return assemble(gt, units, measured, design, settings).looks


def metric_rows(measured: Mapping[Cell, Mapping[str, float | None]]) -> list[dict[str, Any]]:
    """Long rows {variant, seed, metric, value}; value None where there is no ground truth."""
    return [
        {"variant": variant, "seed": seed, "metric": name, "value": value}
        for (variant, seed), metrics in measured.items()
        for name, value in metrics.items()
    ]


def _primary(measured: Mapping[Cell, Mapping[str, float | None]]) -> dict[str, dict[int, float]]:
    """Variant -> seed -> AP, where it is defined."""
    found: dict[str, dict[int, float]] = {}
    for (variant, seed), metrics in measured.items():
        ap = metrics[PRIMARY]
        if ap is not None:
            found.setdefault(variant, {})[seed] = ap
    return found


def mean_curves(measured: Mapping[Cell, Measured]) -> Curves:
    """Precision over recall of each variant, the mean over its seeds."""
    variants: dict[str, dict[str, list[list[float]]]] = {}
    for (variant, _), run in measured.items():
        kept = variants.setdefault(variant, {})
        for iou, curve in run.curves.items():
            if curve is not None:
                kept.setdefault(iou, []).append(curve)
    return Curves(
        recall=RECALLS.tolist(),
        variants={
            variant: {iou: np.mean(seeds, axis=0).tolist() for iou, seeds in kept.items()}
            for variant, kept in variants.items()
        },
    )


def box_table(gt: GroundTruth) -> BoxTable:
    """Boxes by size, and by class and size; crowds are left out."""
    counts = positives(gt).sum(axis=2)  # (A, K)
    return BoxTable(
        images=len(gt.image_ids),
        total=_by_size(counts.sum(axis=1)),
        classes={name: _by_size(counts[:, k]) for k, name in enumerate(gt.category_names)},
    )


def _by_size(counts: Ints) -> BoxCounts:
    """(A,) -> the counts by their names."""
    every, small, medium, large = counts.tolist()
    return BoxCounts(all=every, small=small, medium=medium, large=large)


def _examples(
    gt: GroundTruth,
    found: Mapping[str, Mapping[int, Detections]],
    measured: Mapping[Cell, Measured],
    baseline: str,
    seeds: Sequence[int],
    random_seed: int,
) -> Examples:
    """By the first seed that the study asks for: what is shown is what was counted."""
    first = {variant: runs[seeds[0]] for variant, runs in found.items() if seeds[0] in runs}
    if baseline not in first:
        return Examples(examples=[])
    chosen = choose({variant: measured[variant, seeds[0]].f1 for variant in first}, baseline, random_seed)
    return Examples(examples=examples(gt, first, chosen))


def _detections(gt: GroundTruth, runs: Runs) -> dict[str, dict[int, Detections]]:
    return {v: {s: read_detections(d, gt, f"{v}, seed {s}") for s, d in seeds.items()} for v, seeds in runs.items()}


def _read(ground_truth: GroundTruthSource, runs: Runs, baseline: str) -> GroundTruth:
    """The ground truth, where a comparison is possible at all."""
    if baseline not in runs:
        raise UserError(f"baseline {baseline!r} is not among the runs: {', '.join(runs) or 'none'}")
    gt = read_ground_truth(ground_truth)
    if gt.crowd.all():
        raise UserError("the ground truth has no boxes (crowds do not count), so AP is not defined: nothing to compare")
    return gt
