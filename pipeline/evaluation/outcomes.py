"""What a comparison refuses or warns of, as typed outcomes with one plain sentence each.

The table is that of evidence.md. An outcome is data: the report prints its text, tests look at its kind and details.
Only detections of another data set are an error (`boxes.read_detections`): no sentence beside a
table could mend that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "one_seed",
    "two_seeds",
    "config_differs",
    "missing_seeds",
    "too_few_boxes",
    "secondary_only",
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


def too_few_boxes(boxes: Mapping[str, int]) -> Outcome:
    """`boxes`: metric -> number of boxes, for those below TOO_FEW_BOXES."""
    listed = ", ".join(f"{metric} ({n})" for metric, n in boxes.items())
    return Outcome(
        "too_few_boxes",
        f"Too few boxes for any statement, fewer than {TOO_FEW_BOXES}: {listed}.",
        {"boxes": dict(boxes)},
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
