"""What a comparison refuses or warns of, as typed outcomes with one plain sentence each.

The table is that of evidence.md. An outcome is data: the report prints its text, tests look at its kind and details.
Only detections of another data set are an error (`boxes.read_detections`): no sentence beside a
table could mend that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.evaluation.units import FEW, TOO_FEW

Kind = Literal[
    "one_seed",
    "two_seeds",
    "config_differs",
    "missing_seeds",
    "too_few_boxes",
    "secondary_only",
    "secondary_harm",
    "few_units",
    "copied_seeds",
    "unequal_spread",
    "seed_diverged",
    "looked_again",
    "article_one_seed",
]
TOO_FEW_BOXES = 30


@dataclass(frozen=True)
class Outcome:
    """One refusal or warning. `details` holds what the text speaks of, as JSON values."""

    kind: Kind
    text: str
    details: dict[str, Any] = field(default_factory=dict)


def one_seed(seed: int) -> Outcome:
    return Outcome(
        "one_seed",
        f"Every variant was trained once (seed {seed}): this compares one checkpoint with another, the intervals hold "
        "only for the choice of images, the variance between seeds was not measured, and nothing is claimed about a "
        "module.",
        {"seed": seed},
    )


def two_seeds(seeds: Sequence[int], seed_sd: float) -> Outcome:
    return Outcome(
        "two_seeds",
        f"Two seeds give a first idea of the seed SD ({seed_sd:.4f} AP) and no more: with so few degrees of freedom "
        "no verdict is given; train a third seed.",
        {"seeds": list(seeds), "seed_sd": seed_sd},
    )


def config_differs(differences: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> Outcome:
    """`differences`: variant -> config path -> (value of the baseline, value of the variant)."""
    listed = [
        f"{variant}: {path} is {ours!r}, the baseline has {theirs!r}"
        for variant, paths in differences.items()
        for path, (theirs, ours) in paths.items()
    ]
    return Outcome(
        "config_differs",
        "The variants were not trained alike, so a difference in AP cannot be laid to the module ("
        + "; ".join(listed)
        + "); nothing is compared.",
        {"differences": {v: {p: list(pair) for p, pair in paths.items()} for v, paths in differences.items()}},
    )


def missing_seeds(missing: Mapping[str, Sequence[int]], baseline: str) -> Outcome:
    listed = "; ".join(f"{variant}: {', '.join(map(str, seeds))}" for variant, seeds in missing.items())
    consequence = (
        "without a complete baseline nothing is compared"
        if baseline in missing
        else "these variants are shown with their number of runs and are not compared"
    )
    return Outcome(
        "missing_seeds",
        f"Runs are missing (variant: seeds) {listed}; a mean over fewer seeds is another quantity, and a run that "
        f"failed is seldom an average one: {consequence}.",
        {"missing": {variant: list(seeds) for variant, seeds in missing.items()}},
    )


def too_few_boxes(boxes: Mapping[str, int], units: Mapping[str, int]) -> Outcome:
    """Metric -> number of boxes, and of images (or groups) that hold them, for those with too few of either."""
    listed = ", ".join(
        f"{metric} ({n})" if n < TOO_FEW_BOXES else f"{metric} ({n} in {units[metric]})" for metric, n in boxes.items()
    )
    return Outcome(
        "too_few_boxes",
        f"Too few boxes for any statement, fewer than {TOO_FEW_BOXES} or in fewer than {TOO_FEW} images: {listed}.",
        {"boxes": dict(boxes), "units": dict(units)},
    )


def secondary_harm(harm: Mapping[str, Sequence[str]]) -> Outcome:
    """`harm`: variant -> descriptive metrics it is behind in while its AP is not worse."""
    listed = "; ".join(f"{variant}: {', '.join(metrics)}" for variant, metrics in harm.items())
    return Outcome(
        "secondary_harm",
        f"Behind the baseline in a descriptive metric though not in AP ({listed}): what a variant gains elsewhere may "
        "be paid for here.",
        {"harm": {variant: list(metrics) for variant, metrics in harm.items()}},
    )


def few_units(count: int, grouped: bool) -> Outcome:
    """`count` images or groups of images are what resamples draw."""
    what = "groups of images" if grouped else "images"
    consequence = (
        f"with fewer than {TOO_FEW} nothing is compared"
        if count < TOO_FEW
        else f"with fewer than {FEW} intervals are rough, and too narrow rather than too wide"
    )
    return Outcome(
        "few_units",
        f"The evaluation rests on {count} {what}: {consequence}; evaluate on more.",
        {"units": count, "grouped": grouped},
    )


def copied_seeds(copies: Mapping[tuple[str, int], tuple[str, int]], left: int) -> Outcome:
    """Run -> the run of its variant that it equals; `left`: seeds of which every variant has a run of its own."""
    listed = ", ".join(f"{variant} seed {seed} equals seed {first}" for (variant, seed), (_, first) in copies.items())
    return Outcome(
        "copied_seeds",
        f"Runs with the same detections or the same checkpoint are one run, not several seeds ({listed}): what is "
        f"claimed is what {left} distinct {'seed' if left == 1 else 'seeds'} may claim; train those runs with seeds of "
        "their own.",
        {"copies": [[*cell, first] for cell, (_, first) in copies.items()], "seeds": left},
    )


def unequal_spread(rows: Mapping[str, tuple[float, str]]) -> Outcome:
    """Group -> (ratio of its SD between seeds to that of the others, how it is judged)."""
    listed = "; ".join(f"{name}: {ratio:.2g} times the SD of the others, {how}" for name, (ratio, how) in rows.items())
    return Outcome(
        "unequal_spread",
        f"Not all variants vary alike between seeds ({listed}).",
        {"groups": {name: {"sd_ratio": ratio, "judged_by": how} for name, (ratio, how) in rows.items()}},
    )


def seed_diverged(cells: Sequence[tuple[str, int, float, float]]) -> Outcome:
    """(variant, seed, its AP, mean AP of its siblings) of runs far from the others of their variant."""
    listed = "; ".join(f"{v} seed {s}: {ap:.4f} AP, its siblings {mean:.4f}" for v, s, ap, mean in cells)
    commands = ", ".join(f"`python -m pipeline rerun {v} {s}`" for v, s, _, _ in cells)
    return Outcome(
        "seed_diverged",
        f"A run is far from the other seeds of its variant ({listed}). It is kept: leaving out what went badly is a "
        f"claim of its own. If its training curve shows a fault, mend that for all variants; {commands} trains it "
        "again.",
        {"cells": [{"variant": v, "seed": s, "ap": ap, "siblings": mean} for v, s, ap, mean in cells]},
    )


def looked_again(seeds: Sequence[int]) -> Outcome:
    """`seeds`: the numbers of seeds at which this study was judged, undeclared."""
    looks = ", ".join(map(str, seeds))
    return Outcome(
        "looked_again",
        f"This study was looked at {len(seeds)} times as seeds were added ({looks} seeds) without having declared it, "
        f"which makes luck likelier to be taken for an effect: it is judged at 1/{len(seeds)} of the level. Declare "
        "`evaluation.looks` before the first run of the next study.",
        {"looks": list(seeds)},
    )


def secondary_only(wins: Mapping[str, Sequence[str]]) -> Outcome:
    """`wins`: variant -> descriptive metrics it leads in while its AP shows nothing."""
    listed = "; ".join(f"{variant}: {', '.join(metrics)}" for variant, metrics in wins.items())
    return Outcome(
        "secondary_only",
        f"Ahead in a descriptive metric but not in AP ({listed}): AP was declared before the runs, so the verdict "
        "stays with AP.",
        {"wins": {variant: list(metrics) for variant, metrics in wins.items()}},
    )


def config_differences(
    contracts: Mapping[str, Mapping[str, Any]], baseline: str
) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Variant -> config path -> (baseline's value, variant's value), where what must be equal is not."""
    reference = contracts[baseline]
    found = {}
    for variant, contract in contracts.items():
        paths = sorted(contract.keys() | reference.keys())
        pairs = {path: (reference.get(path), contract.get(path)) for path in paths}
        different = {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}
        if different:
            found[variant] = different
    return found
