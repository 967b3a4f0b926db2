"""Detectors that exist only as numbers: ground truth and runs whose truth is known.

Boxes have a difficulty of their own and of their image, common to all runs; a run adds its own noise to every box, and
`quality` moves all of them. So runs differ as training runs do: mostly in the same images, a little everywhere.
"""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.boxes import Detections, GroundTruth

WIDTH, HEIGHT = 640, 480


def ground_truth(rng: np.random.Generator, images: int, classes: int, boxes: int) -> GroundTruth:
    """`boxes` boxes in `images` images, spread over classes as unevenly as in COCO, of all three sizes."""
    share = 1 / np.arange(1, classes + 1) if classes > 5 else np.ones(classes)
    sides = np.exp(rng.normal(np.log(55), 0.8, (boxes, 2))).clip(4, 400)
    image = rng.integers(0, images, boxes)
    return GroundTruth(
        image_ids=np.arange(1, images + 1),
        category_ids=np.arange(1, classes + 1),
        category_names=tuple(f"class {i}" for i in range(1, classes + 1)),
        image=image,
        category=rng.choice(classes, boxes, p=share / share.sum()),
        boxes=np.hstack([rng.uniform(0, (WIDTH, HEIGHT), (boxes, 2)), sides]),
        area=sides.prod(axis=1),
        crowd=rng.random(boxes) < 0.01,
        images={i: {"id": i, "file_name": f"{i}.jpg"} for i in range(1, images + 1)},
    )


def ease(rng: np.random.Generator, gt: GroundTruth) -> np.ndarray:
    """(G,) how easy each box is, half of it by its image; the same for every run."""
    return rng.normal(0, 0.8, len(gt.image_ids))[gt.image] + rng.normal(0, 0.8, len(gt.image))


def run(
    rng: np.random.Generator, gt: GroundTruth, ease: np.ndarray, detections_per_image: float, quality: float = 0.0
) -> Detections:
    """One trained detector: each box found or not, with an error of place and a score; the rest are strangers."""
    clear = ease + quality + rng.normal(0, 0.5, len(ease))
    found = np.flatnonzero(clear > -1.0)
    sides = gt.boxes[found, 2:]
    spread = 0.11 * np.exp(-0.35 * clear[found])[:, None]
    near = gt.boxes[found] + np.hstack([sides, sides]) * spread * rng.normal(0, 1, (len(found), 4))
    near[:, 2:] = np.maximum(near[:, 2:], 2.0)
    strangers = max(int(detections_per_image * len(gt.image_ids)) - len(found), 0)
    source = rng.integers(0, len(gt.image), strangers)
    far = np.hstack([rng.uniform(0, (WIDTH, HEIGHT), (strangers, 2)), gt.boxes[source, 2:]])
    logit = np.concatenate([clear[found] + rng.normal(0, 0.6, len(found)), rng.normal(-1.8 - quality, 1, strangers)])
    return Detections(
        image=np.concatenate([gt.image[found], rng.integers(0, len(gt.image_ids), strangers)]),
        category=np.concatenate([gt.category[found], gt.category[source]]),
        boxes=np.vstack([near, far]),
        score=1 / (1 + np.exp(-logit)),
    )
