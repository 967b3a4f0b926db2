"""One COCO annotation file, read and held to the format's shape.

What is checked here cannot be repaired: keys, types, references. Masks are dropped while the file is
parsed: a box detector reads none, and COCO 2017 would take several gigabytes with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.common.errors import UserError

Record = dict[str, Any]

REQUIRED = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}
SINGULAR = {"images": "image", "annotations": "annotation", "categories": "category"}


def read_coco(path: Path) -> dict[str, list[Record]]:
    """Images, annotations and categories of the file. Raises UserError naming file and id."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such annotation file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    try:
        data = json.loads(text, object_hook=_without_mask)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from None
    return check(path, data)


def _without_mask(record: Record) -> Record:
    record.pop("segmentation", None)
    return record


def check(path: Path, data: Any) -> dict[str, list[Record]]:
    """The three lists of a COCO file, once every key, type and reference in them is sound."""
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected an object with {', '.join(REQUIRED)}; found {type(data).__name__}")
    for part, keys in REQUIRED.items():
        if not isinstance(data.get(part), list):
            raise UserError(f"{path}: the list `{part}` is missing")
        _check_keys(path, part, keys, data[part])
    _check_unique(path, "image id", (image["id"] for image in data["images"]))
    _check_unique(path, "category id", (category["id"] for category in data["categories"]))
    _check_unique(path, "category name", (category["name"] for category in data["categories"]))
    for image in data["images"]:
        _check_image(path, image)
    _check_references(path, data)
    return {part: data[part] for part in REQUIRED}


def _check_keys(path: Path, part: str, keys: tuple[str, ...], records: list[Any]) -> None:
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            raise UserError(f"{path}: {part}[{index}]: expected an object, found {type(record).__name__}")
        for key in keys:
            if key not in record:
                needs = ", ".join(keys)
                raise UserError(f"{path}: {describe(part, record, index)}: no `{key}`; it needs {needs}")
        if not isinstance(record.get("id", 0), int | str):
            raise UserError(f"{path}: {part}[{index}]: id {record['id']!r} is neither a number nor a text")


def describe(part: str, record: Record, index: int) -> str:
    """How a message names a record: by its id, or by its place where it has none."""
    return f"{SINGULAR[part]} {record['id']}" if "id" in record else f"{part}[{index}]"


def _check_unique(path: Path, what: str, values: Iterable[Any]) -> None:
    seen: set[Any] = set()
    for value in values:
        if not isinstance(value, int | str):
            raise UserError(f"{path}: {what} {value!r} is neither a number nor a text")
        if value in seen:
            raise UserError(f"{path}: {what} {value!r} is given twice")
        seen.add(value)


def _check_image(path: Path, image: Record) -> None:
    if not isinstance(image["file_name"], str) or not image["file_name"]:
        raise UserError(f"{path}: image {image['id']}: file_name {image['file_name']!r} is not a text")
    for side in ("width", "height"):
        if not isinstance(image[side], int) or image[side] < 1:
            raise UserError(f"{path}: image {image['id']}: {side} {image[side]!r} is not a whole number above 0")


def _check_references(path: Path, data: dict[str, list[Record]]) -> None:
    """Each annotation names a known image and category, and its box is four finite numbers."""
    images = {image["id"] for image in data["images"]}
    categories = {category["id"] for category in data["categories"]}
    for index, annotation in enumerate(data["annotations"]):
        problem = None
        if not _one_of(annotation["image_id"], images):
            problem = f"image_id {annotation['image_id']!r} is no image of this file"
        elif not _one_of(annotation["category_id"], categories):
            problem = f"category_id {annotation['category_id']!r} is no category of this file"
        elif not _is_box(annotation["bbox"]):
            problem = f"bbox {annotation['bbox']!r} is not four finite numbers [x, y, width, height]"
        elif annotation.get("iscrowd", 0) not in (0, 1):
            problem = f"iscrowd {annotation['iscrowd']!r} is neither 0 nor 1"
        if problem:
            raise UserError(f"{path}: {describe('annotations', annotation, index)}: {problem}")


def _one_of(key: Any, known: set[Any]) -> bool:
    return isinstance(key, int | str) and key in known


def _is_box(box: Any) -> bool:
    # -inf < x < inf is False for NaN too, and much faster than math.isfinite on a list
    return (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(side, float | int) and -1e18 < side < 1e18 for side in box)
    )
