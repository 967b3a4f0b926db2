"""What of a split the detector is fed: MMDetection's resize and its own silent filters, counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.common.coco import MEDIUM, SMALL
from pipeline.dataset.splits import Split
from pipeline.records.card import Fed, Sizes

TINY = 4  # pixels: one cell of a pyramid's finest level


def resized(width: int, height: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """Width and height after MMDetection's Resize with keep_ratio: as large as fits, however it is turned."""
    scale = min(max(image_size) / max(width, height), min(image_size) / min(width, height))
    return int(width * scale + 0.5), int(height * scale + 0.5)


def scales(split: Split, image_size: tuple[int, int]) -> dict[int, tuple[float, float]]:
    """Image id -> the factors of its width and height."""
    found = {}
    for image in split.images:
        width, height = resized(image.width, image.height, image_size)
        found[image.id] = (width / image.width, height / image.height)
    return found


def as_fed(split: Split, image_size: tuple[int, int]) -> Fed:
    """Boxes by their sides after resizing, and what training leaves out by itself. Scoring leaves out nothing."""
    boxes = split.boxes()
    factors = scales(split, image_size)
    before = np.array([box.bbox[2:] for box in boxes], dtype=float).reshape(-1, 2)
    factor = np.array([factors[box.image_id] for box in boxes], dtype=float).reshape(-1, 2)
    areas = np.array([box.area for box in boxes], dtype=float) * factor.prod(axis=1)
    shortest = (before * factor).min(axis=1, initial=np.inf)
    with_boxes = {box.image_id for box in split.annotations}
    return Fed(
        below_one_pixel=int((shortest < 1).sum()),
        tiny=int((shortest < TINY).sum()),
        sizes=size_classes(areas),
        left_out_images=sum(image.id not in with_boxes for image in split.images),
        left_out_boxes=int((before < 1).any(axis=1).sum()),
    )


def size_classes(areas: NDArray[np.float64]) -> Sizes:
    return Sizes(
        small=int((areas < SMALL).sum()),
        medium=int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
        large=int((areas >= MEDIUM).sum()),
    )
