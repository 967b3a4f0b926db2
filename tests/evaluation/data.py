"""Random COCO data sets that hold what engines disagree on."""

from __future__ import annotations

from typing import Any

import numpy as np


def dataset(
    seed: int, images: int = 12, classes: int = 4, boxes: int = 40, crowds: float = 0.1, sides: tuple[float, ...] = ()
) -> dict[str, Any]:
    """A COCO dict. The last class and the last two images stay empty; ids have gaps; some boxes are crowds."""
    rng = np.random.default_rng(seed)
    image_ids = (np.arange(images) * 3 + 5).tolist()
    sides = sides or (6.0, 20.0, 32.0, 50.0, 96.0, 150.0)
    annotations = []
    for i in range(boxes):
        w, h = rng.choice(sides, 2).tolist()
        annotations.append(
            {
                "id": i + 1,
                "image_id": image_ids[rng.integers(0, max(images - 2, 1))],
                "category_id": int(rng.integers(0, max(classes - 1, 1))) * 2 + 1,
                "bbox": [*rng.uniform(0, 200, 2).tolist(), w, h],
                "area": w * h * float(rng.choice([1.0, 0.7])),
                "iscrowd": int(rng.random() < crowds),
            }
        )
    return {
        "images": [{"id": i, "width": 400, "height": 400, "file_name": f"{i}.png"} for i in image_ids],
        "categories": [{"id": 2 * c + 1, "name": f"class {c}"} for c in range(classes)],
        "annotations": annotations,
    }


def detections(
    gt: dict[str, Any], seed: int, count: int = 150, levels: int | None = None, shift: float = 6.0
) -> list[dict[str, Any]]:
    """Shifted copies of the boxes with some strangers; `levels` scores make ties, None makes none."""
    rng = np.random.default_rng(seed)
    found = []
    image_ids = [i["id"] for i in gt["images"]]
    category_ids = [c["id"] for c in gt["categories"]]
    for _ in range(count):
        truth = gt["annotations"][rng.integers(0, len(gt["annotations"]))] if gt["annotations"] else None
        box = np.array(truth["bbox"] if truth else [10.0, 10.0, 30.0, 30.0])
        box = box + rng.normal(0, shift, 4) * rng.choice([0, 0.3, 1.0])
        box[2:] = np.maximum(box[2:], 1.0)
        stray = truth is None or rng.random() < 0.1
        found.append(
            {
                "image_id": image_ids[rng.integers(0, len(image_ids))] if stray else truth["image_id"],
                "category_id": category_ids[rng.integers(0, len(category_ids))] if stray else truth["category_id"],
                "bbox": box.tolist(),
                "score": float(rng.integers(1, levels) / levels) if levels else float(rng.random()),
            }
        )
    return found


def duplicated(
    gt: dict[str, Any], found: list[dict[str, Any]], weights: list[int]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The data set in which image i is physically there weights[i] times, copies beside the original."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, weight in zip(gt["images"], weights, strict=True):
        for _ in range(weight):
            new = len(images) + 1
            images.append({**image, "id": new})
            of_image = [a for a in gt["annotations"] if a["image_id"] == image["id"]]
            annotations += [{**a, "image_id": new, "id": len(annotations) + j + 1} for j, a in enumerate(of_image)]
            results += [{**d, "image_id": new} for d in found if d["image_id"] == image["id"]]
    return {**gt, "images": images, "annotations": annotations}, results
