"""Everything besides AP: sizes, AP50, AP75 and classes. It describes; the verdict stays with AP.

The same machinery as for AP, with pointwise t intervals, and p adjusted by Benjamini and Hochberg (1995) over all
cells that have enough boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from pipeline.evaluation.boxes import GroundTruth
from pipeline.evaluation.contrasts import contrasts
from pipeline.evaluation.matches import positives
from pipeline.evaluation.outcomes import TOO_FEW_BOXES
from pipeline.evaluation.runs import Cell, Measured, values
from pipeline.evaluation.settings import Claim, Settings


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
    """One metric, with the boxes that it rests on."""

    boxes: int
    too_few: bool
    variants: dict[str, Described]


def box_counts(gt: GroundTruth) -> dict[str, int]:
    """Metric -> boxes that count in it."""
    counts = positives(gt).sum(axis=2)  # (A, K)
    every = dict.fromkeys(("AP50", "AP75"), int(counts[0].sum()))
    sizes = {f"AP_{size}": int(counts[i].sum()) for i, size in enumerate(("small", "medium", "large"), start=1)}
    classes = {f"AP/{name}": int(n) for name, n in zip(gt.category_names, counts[0], strict=True)}
    return every | sizes | classes


def describe(
    gt: GroundTruth,
    measured: Mapping[Cell, Measured],
    variants: Sequence[str],
    family: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
    claim: Claim,
) -> dict[str, Descriptive]:
    """Metric -> Descriptive. `family` is the baseline and the variants compared with it, empty where refused."""
    table, p = {}, {}
    for metric, boxes in box_counts(gt).items():
        points = values(measured, variants, metric)
        rows = {v: _listed(list(points[v].values())) for v in variants}
        too_few = boxes < TOO_FEW_BOXES
        if family and not too_few:
            at = np.array([[points[v][s] for s in seeds] for v in family])
            drawn = np.array([[measured[v, s].resampled[metric] for s in seeds] for v in family])
            contrast = contrasts(at, drawn, settings.pairing)
            freedom = contrast.degrees_of_freedom or np.inf
            half = stats.t.ppf(1 - settings.alpha / 2, freedom) * contrast.se
            for v, delta, h, se in zip(family[1:], contrast.delta, half, contrast.se, strict=True):
                rows[v] = replace(rows[v], delta=float(delta), ci_low=float(delta - h), ci_high=float(delta + h))
                if claim == "full" and se > 0:
                    p[metric, v] = float(2 * stats.t.sf(abs(delta) / se, freedom))
            rows[family[0]] = replace(rows[family[0]], delta=0.0)
        table[metric] = Descriptive(boxes, too_few, rows)
    adjusted = stats.false_discovery_control(list(p.values())) if p else []
    for (metric, v), value in zip(p, adjusted, strict=True):
        table[metric].variants[v] = replace(table[metric].variants[v], p_bh=float(value))
    return table


def secondary_wins(descriptive: Mapping[str, Descriptive], alpha: float) -> dict[str, list[str]]:
    """Variant -> metrics in which it leads after Benjamini-Hochberg."""
    wins: dict[str, list[str]] = {}
    for metric, row in descriptive.items():
        for v, cell in row.variants.items():
            if cell.p_bh is not None and cell.delta is not None and cell.p_bh < alpha and cell.delta > 0:
                wins.setdefault(v, []).append(metric)
    return wins


def _listed(points: list[float]) -> Described:
    return Described(
        mean=float(np.mean(points)) if points else None,
        sd=float(np.std(points, ddof=1)) if len(points) > 1 else None,
    )
