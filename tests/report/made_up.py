"""Made-up metrics, and the comparison that a rule of thumb makes of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation import outcomes
from pipeline.evaluation.verdicts import verdict

CRITICAL = 2.94  # Dunnett, three seeds, nine variants
RECALLS = ["AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large", "AR_300", "AR_1000"]


def metrics_of(draw: Any, done: list[Any], ap: dict[Any, float], classes: list[str]) -> pd.DataFrame:
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
    everyone: list[str],
    done: list[Any],
    ap: dict[Any, float],
    metrics: pd.DataFrame,
    seeds: int,
    images: int,
    counts: dict[str, int],
    config_differs: bool,
) -> dict[str, Any]:
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
    few = {metric: row["boxes"] for metric, row in descriptive.items() if row["too_few"]}
    refusals += [outcomes.too_few_boxes(few)] if few else []
    claim = "refused" if config_differs else {1: "one_seed", 2: "two_seeds"}.get(seeds, "full")
    se_images = 0.05 / np.sqrt(images)
    se = float(np.hypot(se_images, 0.004 * np.sqrt(2 / seeds)))
    compared = [] if config_differs else [name for name in everyone if name not in missing]
    return {
        "schema": 1,
        "primary": "AP",
        "baseline": "baseline",
        "split": "val",
        "seeds": list(k),
        "k": seeds,
        "images": images,
        "resamples": 2000,
        "resample_seed": 0,
        "alpha": 0.05,
        "equivalence": 0.005,
        "pairing": "none",
        "claim": claim,
        "refusals": [asdict(refusal) for refusal in refusals],
        "seed_sd": 0.004 if seeds > 1 else None,
        "degrees_of_freedom": len(everyone) * (seeds - 1) if seeds > 1 else None,
        "critical_value": CRITICAL,
        "minimum_detectable": CRITICAL * se if seeds > 1 and compared else None,
        "variants": {name: _outcome(name, runs, compared, claim, se) for name in everyone},
        "descriptive": descriptive,
        "power": [
            {
                "seeds": more,
                "images": v,
                "effect": float(CRITICAL * np.hypot(0.05 / np.sqrt(v), 0.004 * np.sqrt(2 / more))),
            }
            for more in (3, 5, 10)
            for v in (images, 4 * images)
        ]
        if seeds > 1
        else [],
        "noise_floor": None,
    }


def _outcome(
    name: str, runs: dict[str, dict[int, float]], compared: list[str], claim: str, se: float
) -> dict[str, Any]:
    values, base = np.array(list(runs[name].values())), np.array(list(runs["baseline"].values()))
    row: dict[str, Any] = {
        "runs": {str(seed): value for seed, value in runs[name].items()},
        "mean": float(values.mean()) if len(values) else None,
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "n": len(values),
        "verdict": "not_claimed",
        "seed_deltas": [],
        "rank": [],
        "sentence": "",
    }
    row |= dict.fromkeys(("delta", "se_images", "se", "ci_low", "ci_high", "p_adjusted", "p_improve"))
    if name not in compared:
        return row
    if name == "baseline":
        return {**row, "delta": 0.0, "verdict": None}
    delta = float(values.mean() - base.mean())
    low, high = delta - CRITICAL * se, delta + CRITICAL * se
    row |= {"delta": delta, "se": se, "ci_low": low, "ci_high": high, "seed_deltas": (values - base).tolist()}
    row["p_improve"] = [int((values[:, None] > base).sum()), values.size * base.size]
    if claim == "full":
        row["p_adjusted"] = float(np.exp(-abs(delta) / se))
        row["verdict"] = verdict(low, high, 0.005)
    return row


def _descriptive(
    everyone: list[str], missing: dict[str, Any], metrics: pd.DataFrame, counts: dict[str, int], refused: bool
) -> dict[str, Any]:
    sizes = {"AP50": 2612, "AP75": 2612, "AP_small": 700, "AP_medium": 1900, "AP_large": 12}
    means = metrics.groupby(["metric", "variant"])["value"].agg(["mean", "std"])
    found: dict[str, Any] = {}
    for metric, boxes in {**sizes, **{f"AP/{name}": n for name, n in counts.items()}}.items():
        found[metric] = {"boxes": boxes, "too_few": boxes < outcomes.TOO_FEW_BOXES, "variants": {}}
        for name in everyone:
            row: dict[str, Any] = dict.fromkeys(("mean", "sd", "delta", "ci_low", "ci_high", "p_bh"))
            found[metric]["variants"][name] = row
            if (metric, name) not in means.index:
                continue
            mean, sd = means.loc[(metric, name)]
            row |= {"mean": float(mean), "sd": None if np.isnan(sd) else float(sd)}
            if not (refused or name in missing or boxes < outcomes.TOO_FEW_BOXES):
                delta = float(mean - means.loc[(metric, "baseline")].iloc[0])
                row |= {
                    "delta": delta,
                    "ci_low": delta - 0.01,
                    "ci_high": delta + 0.01,
                    "p_bh": float(np.exp(-90 * abs(delta))),
                }
    return found
