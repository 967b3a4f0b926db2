"""The images a report shows for all variants, chosen by rule and not by eye.

The largest gain and the largest loss of per-image F1 of any variant against the baseline, and four at random. F1 is
at IoU .50 over detections that score at least .30; of an image without boxes and detections it is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.evaluation.boxes import Detections, Floats, GroundTruth
from pipeline.evaluation.matches import MatchTable, positives

SCORE = 0.3
RANDOM_IMAGES = 4


def image_f1(table: MatchTable, gt: GroundTruth) -> Floats:
    """(V,): 2 TP / (detections + boxes) of each image, all classes together, crowds left out."""
    shown = table.counted[0, 0] & (table.score >= SCORE)
    images = len(gt.image_ids)
    found = np.bincount(table.image[shown], minlength=images)
    right = np.bincount(table.image[shown & table.true_positive[0, 0]], minlength=images)
    total = found + positives(gt)[0].sum(axis=0)
    return np.where(total > 0, 2 * right / np.maximum(total, 1), 1.0)


def choose(f1: Mapping[str, Floats], baseline: str, seed: int) -> list[dict[str, Any]]:
    """[{image, reason, variant, change}] with `image` a position: gain, loss, then the random ones.

    `f1` is variant -> (V,). An image is chosen once; variant and change are None for random ones.
    """
    others = [name for name in f1 if name != baseline]
    chosen: list[dict[str, Any]] = []
    if others:
        change = np.stack([f1[name] - f1[baseline] for name in others])  # (variants, V)
        for reason, extreme in (("largest gain", change.argmax()), ("largest loss", change.argmin())):
            variant, image = np.unravel_index(extreme, change.shape)
            value = float(change[variant, image])
            if (value > 0) == (reason == "largest gain") and value != 0:
                row = {"image": int(image), "reason": reason, "variant": others[variant], "change": value}
                chosen.append(row)
    taken = {row["image"] for row in chosen}
    order = np.random.default_rng(seed).permutation(len(f1[baseline])).tolist()
    rest = [image for image in order if image not in taken][:RANDOM_IMAGES]
    return chosen + [{"image": image, "reason": "random", "variant": None, "change": None} for image in rest]


def examples(
    gt: GroundTruth, detections: Mapping[str, Detections], chosen: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The chosen images with their boxes, as JSON values; `detections` is one run a variant."""
    rows = []
    for row in chosen:
        image = row["image"]
        record = gt.images[int(gt.image_ids[image])]
        here = np.flatnonzero(gt.image == image)
        rows.append(
            {
                "image_id": int(gt.image_ids[image]),
                **{key: record.get(key) for key in ("file_name", "width", "height")},
                **{key: row[key] for key in ("reason", "variant", "change")},
                "score_threshold": SCORE,
                "ground_truth": [
                    {"bbox": gt.boxes[i].tolist(), "category": gt.category_names[gt.category[i]]} for i in here
                ],
                "detections": {name: _shown(gt, found, image) for name, found in detections.items()},
            }
        )
    return rows


def _shown(gt: GroundTruth, found: Detections, image: int) -> list[dict[str, Any]]:
    """Detections of one image that score enough, best first."""
    index = np.flatnonzero((found.image == image) & (found.score >= SCORE))
    index = index[np.argsort(-found.score[index], kind="stable")]
    return [
        {
            "bbox": found.boxes[i].tolist(),
            "category": gt.category_names[found.category[i]],
            "score": float(found.score[i]),
        }
        for i in index
    ]
