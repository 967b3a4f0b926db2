"""The images a report shows for all variants, chosen by rule and not by eye.

The largest gain and the largest loss of per-image F1 of any variant against the baseline, and four at random. F1 is
at IoU .50 over detections that score at least .30; of an image without boxes and detections it is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.evaluation.boxes import Detections, Floats, GroundTruth
from pipeline.evaluation.matches import MatchTable, match, positives
from pipeline.records.results import Example, ShownBox

SCORE = 0.3
RANDOM_IMAGES = 4
Reason = Literal["largest gain", "largest loss", "random"]


def image_f1(table: MatchTable, gt: GroundTruth) -> Floats:
    """(V,): 2 TP / (detections + boxes) of each image, all classes together, crowds left out."""
    shown = table.counted[0, 0] & (table.score >= SCORE)
    images = len(gt.image_ids)
    found = np.bincount(table.image[shown], minlength=images)
    right = np.bincount(table.image[shown & table.true_positive[0, 0]], minlength=images)
    total = found + positives(gt)[0].sum(axis=0)
    return np.where(total > 0, 2 * right / np.maximum(total, 1), 1.0)


@dataclass(frozen=True)
class Choice:
    """`image` is a position in the ground truth; variant and change are None for one drawn at random."""

    image: int
    reason: Reason
    variant: str | None = None
    change: float | None = None


def choose(f1: Mapping[str, Floats], baseline: str, seed: int) -> list[Choice]:
    """The gain, the loss, then the random ones; an image is chosen once. `f1` is variant -> (V,)."""
    others = [name for name in f1 if name != baseline]
    chosen: list[Choice] = []
    if others:
        change = np.stack([f1[name] - f1[baseline] for name in others])  # (variants, V)
        extremes: tuple[tuple[Reason, Any], ...] = (
            ("largest gain", change.argmax()),
            ("largest loss", change.argmin()),
        )
        for reason, extreme in extremes:
            variant, image = np.unravel_index(extreme, change.shape)
            value = float(change[variant, image])
            if (value > 0) == (reason == "largest gain") and value != 0:
                chosen.append(Choice(int(image), reason, others[variant], value))
    taken = {choice.image for choice in chosen}
    order = np.random.default_rng(seed).permutation(len(f1[baseline])).tolist()
    return chosen + [Choice(image, "random") for image in order if image not in taken][:RANDOM_IMAGES]


def examples(gt: GroundTruth, detections: Mapping[str, Detections], chosen: Sequence[Choice]) -> list[Example]:
    """The chosen images with their boxes; `detections` is one run a variant."""
    rows = []
    for choice in chosen:
        record = gt.images[int(gt.image_ids[choice.image])]
        rows.append(
            Example(
                image_id=int(gt.image_ids[choice.image]),
                file_name=record["file_name"],
                width=record["width"],
                height=record["height"],
                reason=choice.reason,
                variant=choice.variant,
                change=choice.change,
                score_threshold=SCORE,
                ground_truth=[
                    _box(gt, i, "crowd" if gt.crowd[i] else "truth") for i in np.flatnonzero(gt.image == choice.image)
                ],
                detections={name: _judged(gt, found, choice.image) for name, found in detections.items()},
            )
        )
    return rows


def _judged(gt: GroundTruth, found: Detections, image: int) -> list[ShownBox]:
    """The detections of one image that score enough, best first, then the boxes that none of them found."""
    here = found.take(np.flatnonzero((found.image == image) & (found.score >= SCORE)))
    table = match(gt, here)
    shown = []
    for i in np.argsort(-table.score, kind="stable"):
        right, counts = table.true_positive[0, 0, i], table.counted[0, 0, i]
        shown.append(
            ShownBox(
                bbox=tuple(table.boxes[i].tolist()),
                category=gt.category_names[table.category[i]],
                outcome="found" if right else "false" if counts else "ignored",
                score=float(table.score[i]),
            )
        )
    missed = np.setdiff1d(np.flatnonzero((gt.image == image) & ~gt.crowd), table.box)
    return shown + [_box(gt, i, "missed") for i in missed]


def _box(gt: GroundTruth, i: Any, outcome: Literal["truth", "crowd", "missed"]) -> ShownBox:
    bbox = tuple(gt.boxes[i].tolist())
    return ShownBox(bbox=bbox, category=gt.category_names[gt.category[i]], outcome=outcome)
