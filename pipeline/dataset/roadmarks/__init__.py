"""roadmarks: stylised driving scenes with the five classes of the article, drawn here, free to share.

Equal arguments give equal bytes: every image has a random stream of its own, named by seed, split and
number, and nothing depends on threads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset.roadmarks.compose import compose
from pipeline.dataset.roadmarks.deck import CLASSES, deal

__all__ = ["CLASSES", "LICENCE", "draw"]

LICENCE = "Apache-2.0 (drawn by this project)"
QUALITY = 92


def draw(train: int, val: int, size: tuple[int, int], seed: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Write train_00001.jpg, ... into `folder`; returns the COCO dict of each split.

    `size` is width and height in pixels. Boxes are whole pixels: the extent of what is seen of a mark.
    """
    folder.mkdir(parents=True)
    splits = {}
    for stream, (split, count) in enumerate({"train": train, "val": val}.items()):
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        hands = deal(np.random.default_rng([seed, stream]), count)
        for number, hand in enumerate(hands, start=1):
            picture, boxes = compose(np.random.default_rng([seed, stream, number]), hand, size)
            name = f"{split}_{number:05d}.jpg"
            picture.save(folder / name, quality=QUALITY, subsampling=0)
            images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
            for category, box in boxes:
                record = {"id": len(annotations) + 1, "image_id": number, "category_id": category + 1}
                annotations.append({**record, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES, start=1)]
        splits[split] = {"images": images, "annotations": annotations, "categories": categories}
    return splits
