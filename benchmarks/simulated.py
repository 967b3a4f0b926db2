"""Detectors that exist only as numbers: ground truth and runs whose truth is known.

Boxes have a difficulty of their own and of their image, common to all runs; a run adds its own noise to every box, and
`quality` moves all of them. So runs differ as training runs do: mostly in the same images, a little everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.boxes import Detections, Floats, GroundTruth

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


@dataclass(frozen=True)
class Nature:
    """What all runs have in common: how easy each box is, half of it by its image, and where it seems to lie."""

    ease: Floats  # (G,)
    offset: Floats  # (G, 4) standard normal

    def seen_by(self, rng: np.random.Generator, taste: float) -> Nature:
        """The same for a variant that finds other boxes easy; `taste` is the SD over boxes."""
        return Nature(self.ease + rng.normal(0, taste, len(self.ease)), self.offset)


def nature(rng: np.random.Generator, gt: GroundTruth) -> Nature:
    of_images = rng.normal(0, 0.8, len(gt.image_ids))
    ease = of_images[gt.image] + rng.normal(0, 0.8, len(gt.image))
    return Nature(ease, rng.normal(0, 1, (len(ease), 4)))


def run(
    rng: np.random.Generator, gt: GroundTruth, nature: Nature, detections_per_image: float, quality: float = 0.0
) -> Detections:
    """One trained detector: each box found or not, with an error of place and a score; the rest are strangers.

    Three quarters of the variance of place are the box's own: detectors err alike where a box is hard to draw.
    """
    clear = nature.ease + quality + rng.normal(0, 0.5, len(nature.ease))
    found = np.flatnonzero(clear > -1.0)
    sides = gt.boxes[found, 2:]
    spread = 0.11 * np.exp(-0.35 * clear[found])[:, None]
    error = np.sqrt(0.75) * nature.offset[found] + np.sqrt(0.25) * rng.normal(0, 1, (len(found), 4))
    near = gt.boxes[found] + np.hstack([sides, sides]) * spread * error
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
