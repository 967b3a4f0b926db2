"""Everything besides AP: sizes, AP50, AP75 and classes. It describes; the verdict stays with AP.

The same machinery as for AP, with pointwise t intervals, and p adjusted by Benjamini and Hochberg (1995) over all
cells that have enough boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from pipeline.evaluation.boxes import GroundTruth, Ints
from pipeline.evaluation.contrasts import contrasts
from pipeline.evaluation.matches import positives
from pipeline.evaluation.outcomes import TOO_FEW_BOXES
from pipeline.evaluation.runs import Cell, Measured, sample, values
from pipeline.evaluation.settings import Claim, Settings
from pipeline.evaluation.units import TOO_FEW, Units


@dataclass(frozen=True)
class Described:
    """One variant in one metric; differences are None for variants that are not compared."""

    mean: float | None
    sd: float | None
    delta: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_bh: float | None = None


@dataclass(frozen=True)
class Descriptive:
    """One metric, with the boxes that it rests on, and the images (or groups of images) that hold them."""

    boxes: int
    too_few: bool
    variants: dict[str, Described]
    units: int = 0


def box_counts(gt: GroundTruth, units: Units) -> dict[str, tuple[int, int]]:
    """Metric -> boxes that count in it, and units that hold some."""
    of_images = positives(gt)  # (A, K, V)
    whole = np.zeros((units.count, *of_images.shape[:2]), np.int64)
    np.add.at(whole, units.of_image, of_images.transpose(2, 0, 1))

    def count(boxes: Ints) -> tuple[int, int]:
        return int(boxes.sum()), int((boxes > 0).sum())

    every = dict.fromkeys(("AP50", "AP75"), count(whole[:, 0].sum(axis=1)))
    sizes = {
        f"AP_{size}": count(whole[:, i].sum(axis=1)) for i, size in enumerate(("small", "medium", "large"), start=1)
    }
    return every | sizes | {f"AP/{name}": count(whole[:, 0, k]) for k, name in enumerate(gt.category_names)}


def describe(
    gt: GroundTruth,
    units: Units,
    measured: Mapping[Cell, Measured],
    variants: Sequence[str],
    family: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
    claim: Claim,
) -> dict[str, Descriptive]:
    """Metric -> Descriptive. `family` is the baseline and the variants compared with it, empty where refused."""
    table, p = {}, {}
    for metric, (boxes, holders) in box_counts(gt, units).items():
        points = values(measured, variants, metric)
        rows = {v: _listed(list(points[v].values())) for v in variants}
        too_few = boxes < TOO_FEW_BOXES or holders < TOO_FEW
        if family and not too_few:
            found = contrasts(sample(measured, family, seeds, metric, holders, settings.pairing))
            for g, v in enumerate(family[1:], start=1):
                difference = found.difference(g)
                delta, se = difference.delta, difference.se
                half = float(stats.t.ppf(1 - settings.alpha / 2, difference.degrees_of_freedom)) * se
                rows[v] = replace(rows[v], delta=delta, ci_low=delta - half, ci_high=delta + half)
                if claim == "full" and se > 0:
                    p[metric, v] = float(2 * stats.t.sf(abs(delta) / se, difference.degrees_of_freedom))
            rows[family[0]] = replace(rows[family[0]], delta=0.0)
        table[metric] = Descriptive(boxes, too_few, rows, holders)
    adjusted = stats.false_discovery_control(list(p.values())) if p else []
    for (metric, v), value in zip(p, adjusted, strict=True):
        table[metric].variants[v] = replace(table[metric].variants[v], p_bh=float(value))
    return table


def secondary(descriptive: Mapping[str, Descriptive], alpha: float, sign: int) -> dict[str, list[str]]:
    """Variant -> metrics in which it leads (`sign` 1) or is behind (-1) after Benjamini-Hochberg."""
    found: dict[str, list[str]] = {}
    for metric, row in descriptive.items():
        for v, cell in row.variants.items():
            if cell.p_bh is not None and cell.delta is not None and cell.p_bh < alpha and cell.delta * sign > 0:
                found.setdefault(v, []).append(metric)
    return found


def _listed(points: list[float]) -> Described:
    return Described(
        mean=float(np.mean(points)) if points else None,
        sd=float(np.std(points, ddof=1)) if len(points) > 1 else None,
    )
