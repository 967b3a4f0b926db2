"""What is mended by rule. Pure: checked records in, new records out, nothing is read.

The log feeds the data card: every repair is counted, the first ones of each rule are listed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.dataset import annotations as raw
from pipeline.dataset.annotations import Annotations
from pipeline.dataset.ids import counts_from_one, whole
from pipeline.dataset.rules import RepairLog
from pipeline.dataset.splits import Box, Image

DIGITS = 3  # of pixels, that fractions of a picture are rounded to: YOLO's six digits hold no more


def repair(
    found: Annotations, classes: Sequence[str], log: RepairLog, groups: Mapping[int | str, str] | None = None
) -> tuple[list[Image], list[Box]]:
    """Images and boxes of one checked split whose pictures are known, mended by `RULES`.

    `groups` maps image ids to the group that the image belongs to.
    """
    images, image_ids = _number_images(found, groups or {}, log)
    category_ids = _number_categories(found, classes, log)
    boxes = []
    for box in found.boxes:
        if box.category_id in category_ids:
            boxes.append(box)
        else:
            log.add("class_left_out", found.split, box.id, f"category {box.category_id}")
    sides = {image["id"]: (image["width"], image["height"]) for image in found.images}
    limits = np.array([sides[box.image_id] for box in boxes], dtype=float).reshape(-1, 2)
    given = np.array([box.bbox for box in boxes], dtype=float).reshape(-1, 4)
    if found.relative:
        given = np.round(given * np.tile(limits, 2), DIGITS)
    clipped = clip(given, limits)
    moved = (clipped != given).any(axis=1)
    kept = []
    for box, before, after, was_moved in zip(boxes, given.tolist(), clipped.tolist(), moved.tolist(), strict=True):
        where = f"box {box.bbox} of image {box.image_id}"
        reason = _dropped(before, after)
        if reason:
            log.add(reason, found.split, box.id, where)
            continue
        if was_moved:
            log.add("box_clipped", found.split, box.id, f"{where} became {after}")
        bbox = [whole(side) for side in after]
        ids = image_ids[box.image_id], category_ids[box.category_id]
        kept.append(Box(box.id, *ids, bbox, _area(found.split, box, bbox, log), _crowd(found.split, box, log)))
    _number_boxes(found.split, kept, log)
    return images, kept


def clip(boxes: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes (n, 4) as x, y, width, height cut to images (n, 2) of width and height; what is inside, but for
    rounding, stays bit for bit. A box with nothing inside comes back with a width or height of 0 or less."""
    low = np.clip(boxes[:, :2], 0, limits)
    end = boxes[:, :2] + boxes[:, 2:]
    high = np.clip(end, 0, limits)
    outside = (low != boxes[:, :2]) | (np.abs(high - end) > 1e-12 * limits)
    return np.hstack([low, np.where(outside, high - low, boxes[:, 2:])])


def _dropped(box: Sequence[float], clipped: Sequence[float]) -> str | None:
    if box[2] <= 0 or box[3] <= 0:
        return "empty_box_dropped"
    if clipped[2] <= 0 or clipped[3] <= 0:
        return "box_outside_dropped"
    return None


def _area(split: str, box: raw.Box, bbox: Sequence[float], log: RepairLog) -> float:
    """The stated area (of a mask, often) where it can be true of the box, else the box's own, in pixels^2."""
    stated = box.area
    own = whole(bbox[2] * bbox[3])
    if stated is msgspec.UNSET:
        return own
    # one pixel of slack a side: some tools count both edge pixels
    largest = (bbox[2] + 1) * (bbox[3] + 1)
    if isinstance(stated, float | int) and math.isfinite(stated) and 0 < stated <= largest:
        return whole(stated)
    log.add("area_filled", split, box.id, f"area {stated} became {own}")
    return own


def _crowd(split: str, box: raw.Box, log: RepairLog) -> int:
    if box.iscrowd is None:
        log.add("iscrowd_filled", split, box.id, f"image {box.image_id}")
    if box.ignore and not box.iscrowd:
        log.add("ignore_made_crowd", split, box.id, f"image {box.image_id}")
        return 1
    return int(box.iscrowd or 0)


def _number_images(
    found: Annotations, groups: Mapping[int | str, str], log: RepairLog
) -> tuple[list[Image], dict[int | str, int]]:
    ids = [image["id"] for image in found.images]
    new = ids if counts_from_one(ids) else list(range(1, len(ids) + 1))
    if new is not ids:
        log.add("image_ids_renumbered", found.split, None, f"{len(ids)} images, the first had id {ids[0]!r}")
    fresh = [
        Image(number, image["file_name"], image["width"], image["height"], groups.get(image["id"]))
        for number, image in zip(new, found.images, strict=True)
    ]
    return fresh, dict(zip(ids, new, strict=True))


def _number_categories(found: Annotations, classes: Sequence[str], log: RepairLog) -> dict[int | str, int]:
    """Maps the file's category ids to 1, 2, ... in the order of `classes`; left out classes are not in it."""
    number = {name: index for index, name in enumerate(classes, start=1)}
    for category in found.categories:
        new = number.get(category["name"])
        if new not in (None, category["id"]) and found.has_ids:
            log.add("category_id_changed", found.split, category["id"], f"{category['name']} is {new} now")
    return {category["id"]: number[category["name"]] for category in found.categories if category["name"] in number}


def _number_boxes(split: str, boxes: list[Box], log: RepairLog) -> None:
    if boxes and not counts_from_one([box.id for box in boxes]):
        log.add("box_ids_renumbered", split, None, f"{len(boxes)} boxes")
        for number, box in enumerate(boxes, start=1):
            box.id = number
