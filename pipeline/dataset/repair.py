"""What is mended by rule, and the log of it. Pure: records in, new records out, nothing is read.

The log feeds the data card: every repair is counted, the first ones of each rule are listed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.common.errors import UserError
from pipeline.dataset.read import Record

LISTED = 20  # repairs of one rule that the card lists; it counts them all

RULES = {
    "image_ids_renumbered": "image ids were not whole numbers from 1: the images of the split were numbered anew",
    "box_ids_renumbered": "box ids were missing, repeated or below 1: the boxes of the split were numbered anew",
    "category_id_changed": "category ids were made contiguous from 1, in the order of the classes",
    "class_left_out": "the box belongs to a class that the study leaves out",
    "empty_box_dropped": "the box has no width or no height",
    "box_outside_dropped": "the box lies outside its image",
    "box_clipped": "the box reached over the edge of its image and was cut there",
    "area_filled": "the area was missing, not positive or above the box's own: width x height was put in",
    "iscrowd_filled": "iscrowd was missing: 0 was put in",
    "ignore_made_crowd": "`ignore` is known to the detector only: the box became iscrowd, which scoring knows too",
    "image_in_two_splits": "the same image file was in two splits: it stays in test before val before train",
}


@dataclass
class RepairLog:
    """Counts of every rule that was used, and the first `LISTED` uses of each."""

    counts: Counter[str] = field(default_factory=Counter)
    details: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rule: str, split: str, record_id: int | str | None, detail: str) -> None:
        self.counts[rule] += 1
        if self.counts[rule] <= LISTED:
            self.details.append({"rule": rule, "split": split, "id": record_id, "detail": detail})


def choose_classes(files: Mapping[Path, Sequence[str]], wanted: Sequence[str] | None) -> list[str]:
    """Class names in order: the wanted ones, or the first file's followed by names only later files have.

    `files` maps each annotation file to its category names. Raises UserError for an unknown name.
    """
    known = list(dict.fromkeys(name for names in files.values() for name in names))
    if wanted is None:
        return known
    if not wanted or len(set(wanted)) < len(wanted):
        raise UserError(f"dataset.classes: {list(wanted)} must name each class once, and at least one")
    for name in wanted:
        if name not in known:
            raise UserError(
                f"dataset.classes: {name!r} is no category of {', '.join(map(str, files))}; allowed: {', '.join(known)}"
            )
    return list(wanted)


def repair(
    split: str, data: dict[str, list[Record]], classes: Sequence[str], log: RepairLog
) -> tuple[list[Record], list[Record]]:
    """Images and annotations of one checked file, mended by `RULES`; only the keys that count are kept."""
    images, image_ids = _number_images(split, data["images"], log)
    category_ids = _number_categories(split, data["categories"], classes, log)
    annotations = []
    for annotation in data["annotations"]:
        if annotation["category_id"] in category_ids:
            annotations.append(annotation)
        else:
            log.add("class_left_out", split, annotation.get("id"), f"category {annotation['category_id']}")
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    boxes = np.array([annotation["bbox"] for annotation in annotations], dtype=float).reshape(-1, 4)
    limits = np.array([sizes[annotation["image_id"]] for annotation in annotations], dtype=float).reshape(-1, 2)
    clipped = clip(boxes, limits)
    moved = (clipped != boxes).any(axis=1)
    kept = []
    for annotation, box, was_moved in zip(annotations, clipped.tolist(), moved.tolist(), strict=True):
        reason = _dropped(annotation["bbox"], box)
        where = f"box {annotation['bbox']} of image {annotation['image_id']}"
        if reason:
            log.add(reason, split, annotation.get("id"), where)
            continue
        if was_moved:
            log.add("box_clipped", split, annotation.get("id"), f"{where} became {box}")
        else:
            box = annotation["bbox"]  # the file's own numbers, whole ones stay whole
        kept.append(
            {
                "id": annotation.get("id"),
                "image_id": image_ids[annotation["image_id"]],
                "category_id": category_ids[annotation["category_id"]],
                "bbox": box,
                "area": _area(split, annotation, box, log),
                "iscrowd": _crowd(split, annotation, log),
            }
        )
    _number_boxes(split, kept, log)
    return images, kept


def clip(boxes: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes (n, 4) as x, y, width, height cut to images (n, 2) of width and height; what is inside stays
    bit for bit. A box with nothing inside comes back with a width or height of 0 or less."""
    low = np.clip(boxes[:, :2], 0, limits)
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, limits)
    outside = (low != boxes[:, :2]) | (high != boxes[:, :2] + boxes[:, 2:])
    return np.hstack([low, np.where(outside, high - low, boxes[:, 2:])])


def _dropped(box: Sequence[float], clipped: Sequence[float]) -> str | None:
    if box[2] <= 0 or box[3] <= 0:
        return "empty_box_dropped"
    if clipped[2] <= 0 or clipped[3] <= 0:
        return "box_outside_dropped"
    return None


def _area(split: str, annotation: Record, box: Sequence[float], log: RepairLog) -> float:
    """The stated area (of a mask, often) where it can be true of the box, else the box's own, in pixels^2."""
    stated = annotation.get("area")
    # one pixel of slack a side: some tools count both edge pixels
    largest = (box[2] + 1) * (box[3] + 1)
    if isinstance(stated, float | int) and math.isfinite(stated) and 0 < stated <= largest:
        return stated
    log.add("area_filled", split, annotation.get("id"), f"area {stated} became {box[2] * box[3]}")
    return box[2] * box[3]


def _crowd(split: str, annotation: Record, log: RepairLog) -> int:
    if "iscrowd" not in annotation:
        log.add("iscrowd_filled", split, annotation.get("id"), f"image {annotation['image_id']}")
    if annotation.get("ignore") and not annotation.get("iscrowd"):
        log.add("ignore_made_crowd", split, annotation.get("id"), f"image {annotation['image_id']}")
        return 1
    return int(annotation.get("iscrowd", 0))


def _counts_from_one(ids: Iterable[Any]) -> bool:
    """Whether all are whole numbers from 1 (pycocotools counts annotation id 0 as unmatched) and unique."""
    seen = list(ids)
    return all(type(key) is int and key >= 1 for key in seen) and len(set(seen)) == len(seen)


def _number_images(split: str, images: list[Record], log: RepairLog) -> tuple[list[Record], dict[Any, int]]:
    ids = [image["id"] for image in images]
    new = ids if _counts_from_one(ids) else list(range(1, len(ids) + 1))
    if new is not ids:
        log.add("image_ids_renumbered", split, None, f"{len(ids)} images, the first had id {ids[0]!r}")
    keys = ("file_name", "width", "height")
    fresh = [{"id": i, **{key: image[key] for key in keys}} for i, image in zip(new, images, strict=True)]
    return fresh, dict(zip(ids, new, strict=True))


def _number_categories(split: str, categories: list[Record], classes: Sequence[str], log: RepairLog) -> dict[Any, int]:
    """Maps the file's category ids to 1, 2, ... in the order of `classes`; left out classes are not in it."""
    number = {name: index for index, name in enumerate(classes, start=1)}
    for category in categories:
        new = number.get(category["name"])
        if new not in (None, category["id"]):
            log.add("category_id_changed", split, category["id"], f"{category['name']} is {new} now")
    return {category["id"]: number[category["name"]] for category in categories if category["name"] in number}


def _number_boxes(split: str, annotations: list[Record], log: RepairLog) -> None:
    if annotations and not _counts_from_one(annotation["id"] for annotation in annotations):
        log.add("box_ids_renumbered", split, None, f"{len(annotations)} boxes")
        for number, annotation in enumerate(annotations, start=1):
            annotation["id"] = number
