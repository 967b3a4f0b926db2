"""Made-up metrics, and the comparison that a rule of thumb makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation import Comparison, VariantComparison, outcomes
from pipeline.evaluation.comparison import HalfOfIt
from pipeline.evaluation.descriptive import Described, Descriptive
from pipeline.evaluation.planning import Needed
from pipeline.evaluation.settings import Claim
from pipeline.evaluation.verdicts import verdict

CRITICAL = 2.94  # Dunnett, three seeds, nine variants
RECALLS = ["AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large", "AR_300", "AR_1000"]
Run = tuple[str, int]  # variant, seed


def metrics_of(draw: Any, done: Sequence[Run], ap: Mapping[Run, float], classes: Sequence[str]) -> pd.DataFrame:
    rows = []
    for cell in done:
        base = ap[cell]
        scale = {"AP": 1.0, "AP50": 1.5, "AP75": 1.1, "AP_small": 0.35, "AP_medium": 1.35, "AP_large": 1.9}
        values = {name: base * factor + (name != "AP") * draw.normal(0, 0.004) for name, factor in scale.items()}
        values |= {name: base * 1.2 + draw.normal(0, 0.004) for name in RECALLS}
        values |= {f"AP/{name}": base + draw.normal(0, 0.02) for name in classes}
        rows += [(*cell, metric, value) for metric, value in values.items()]
    frame = pd.DataFrame(rows, columns=["variant", "seed", "metric", "value"])
    frame.loc[frame["metric"] == "AR_large", "value"] = np.nan
    return frame


def comparison_of(
    everyone: Sequence[str],
    done: Sequence[Run],
    ap: Mapping[Run, float],
    metrics: pd.DataFrame,
    seeds: int,
    images: int,
    counts: Mapping[str, int],
    config_differs: bool,
) -> Comparison:
    k = range(seeds)
    runs = {name: {seed: ap[name, seed] for variant, seed in done if variant == name} for name in everyone}
    missing = {name: lost for name in everyone if (lost := [seed for seed in k if seed not in runs[name]])}
    descriptive = _descriptive(everyone, missing, metrics, counts, config_differs)
    refusals = []
    if config_differs:
        refusals.append(outcomes.config_differs({everyone[1]: {"train_cfg.max_epochs": (8, 12)}}))
    if missing:
        refusals.append(outcomes.missing_seeds(missing, "baseline"))
    if seeds <= 2 and not config_differs:
        refusals.append(outcomes.one_seed(0) if seeds == 1 else outcomes.two_seeds(list(k), 0.004))
    few = {metric: row.boxes for metric, row in descriptive.items() if row.too_few}
    refusals += [outcomes.too_few_boxes(few, few)] if few else []
    claims: dict[int, Claim] = {1: "one_seed", 2: "two_seeds"}
    claim: Claim = "refused" if config_differs else claims.get(seeds, "full")
    se = float(np.hypot(0.05 / np.sqrt(images), 0.004 * np.sqrt(2 / seeds)))
    compared = [] if config_differs else [name for name in everyone if name not in missing]
    return Comparison(
        primary="AP",
        baseline="baseline",
        split="val",
        seeds=tuple(k),
        k=seeds,
        baseline_seeds=seeds,
        images=images,
        units=images,
        resamples=2000,
        resample_seed=0,
        alpha=0.05,
        equivalence=0.005,
        pairing="none",
        claim=claim,
        refusals=tuple(refusals),
        seed_sd=0.004 if seeds > 1 else None,
        degrees_of_freedom=len(everyone) * (seeds - 1) if seeds > 1 else None,
        critical_value=CRITICAL,
        minimum_detectable=1.3 * CRITICAL * se if seeds > 1 and compared else None,
        least_observed=CRITICAL * se if seeds > 1 and compared else None,
        half_of_it=HalfOfIt(0.1, 2.4) if seeds > 1 and compared else None,
        needed=Needed(0.65 * CRITICAL * se, 20, 187, 4 * images) if seeds > 1 and compared else None,
        variants={name: _outcome(name, runs, compared, claim, se) for name in everyone},
        descriptive=descriptive,
        power=_power(images) if seeds > 1 else (),
        power_basis=None,
        noise_floor=None,
    )


def _power(images: int) -> tuple[dict[str, float], ...]:
    return tuple(
        {"seeds": k, "images": v, "effect": float(CRITICAL * np.hypot(0.05 / np.sqrt(v), 0.004 * np.sqrt(2 / k)))}
        for k in (3, 5, 10)
        for v in (images, 4 * images)
    )


def _outcome(
    name: str, runs: Mapping[str, Mapping[int, float]], compared: Sequence[str], claim: Claim, se: float
) -> VariantComparison:
    values, base = np.array(list(runs[name].values())), np.array(list(runs["baseline"].values()))
    row = VariantComparison(
        runs={str(seed): value for seed, value in runs[name].items()},
        mean=float(values.mean()) if len(values) else None,
        sd=float(values.std(ddof=1)) if len(values) > 1 else None,
        n=len(values),
        verdict="not_claimed",
    )
    if name not in compared:
        return row
    if name == "baseline":
        return replace(row, delta=0.0, verdict=None)
    delta = float(values.mean() - base.mean())
    low, high = delta - CRITICAL * se, delta + CRITICAL * se
    full = claim == "full"
    return replace(
        row,
        delta=delta,
        se=se,
        ci_low=low,
        ci_high=high,
        seed_deltas=tuple((values - base).tolist()),
        p_improve=(int((values[:, None] > base).sum()), values.size * base.size),
        p_adjusted=float(np.exp(-abs(delta) / se)) if full else None,
        p_chance=0.4 if full else None,
        p_region=(0.2, 0.7, 0.1) if full else None,
        verdict=verdict(low, high, 0.005) if full else "not_claimed",
        exaggeration=1.2 if full else None,
    )


def _descriptive(
    everyone: Sequence[str],
    missing: Mapping[str, Any],
    metrics: pd.DataFrame,
    counts: Mapping[str, int],
    refused: bool,
) -> dict[str, Descriptive]:
    sizes = {"AP50": 2612, "AP75": 2612, "AP_small": 700, "AP_medium": 1900, "AP_large": 12}
    points = metrics.groupby(["metric", "variant"])["value"]
    means, sds = points.mean().to_dict(), points.std().to_dict()
    found = {}
    for metric, boxes in {**sizes, **{f"AP/{name}": n for name, n in counts.items()}}.items():
        rows = {}
        for name in everyone:
            rows[name] = Described(mean=None, sd=None)
            if (metric, name) not in means:
                continue
            mean, sd = float(means[metric, name]), float(sds[metric, name])
            rows[name] = Described(mean=mean, sd=None if np.isnan(sd) else sd)
            if not (refused or name in missing or boxes < outcomes.TOO_FEW_BOXES):
                delta = mean - float(means[metric, "baseline"])
                low, high, p = delta - 0.01, delta + 0.01, float(np.exp(-90 * abs(delta)))
                rows[name] = replace(rows[name], delta=delta, ci_low=low, ci_high=high, p_bh=p)
        found[metric] = Descriptive(boxes=boxes, units=boxes, too_few=boxes < outcomes.TOO_FEW_BOXES, variants=rows)
    return found
