"""The records of a split held to what they must be: keys, types, references. What is written otherwise but means
the same (ids as text, whole floats, null) is put right in place; the rest is a mistake, named by file and record.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from pipeline.dataset.annotations import NO_MASK, Annotations, Box, Record
from pipeline.dataset.ids import plain, side
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.rules import RepairLog

NEEDED = {"images": ("id", "file_name"), "categories": ("id", "name")}
SINGULAR = {"images": "image", "categories": "category"}


def check(found: Annotations, mistakes: Mistakes, log: RepairLog) -> None:
    """Afterwards, unless `mistakes` grew: image and category ids are plain and known, names are text, sides are
    whole numbers or None, `bbox` is four finite numbers, `iscrowd` 0, 1 or None."""
    seen: Counter[str] = Counter()
    images = _known(found, "images", seen, mistakes)
    categories = _known(found, "categories", seen, mistakes)
    for image in images.values():
        _check_image(found, image, seen, mistakes)
    for category in categories.values():
        _check_name(found, category, mistakes, log)
    _note_joined_categories(found, log)
    for index, box in enumerate(found.boxes):
        image_id, category_id = plain(box.image_id, seen), plain(box.category_id, seen)
        box.id = plain(box.id, seen)
        problem = None
        if image_id not in images:
            problem = _unknown("image_id", box.image_id, "image")
        elif category_id not in categories:
            problem = _unknown("category_id", box.category_id, "category")
        else:
            box.image_id, box.category_id = image_id, category_id
            problem = _check_bbox(found, index, box, log) or _check_crowd(box, seen)
        if problem:
            mistakes.add(f"{found.file}: {found.place(index)}: {problem}")
        box.segmentation = NO_MASK  # unparsed masks keep the whole file in memory
    for rule, count in seen.items():
        log.add(rule, found.split, None, f"{count:,} in {found.file.name}", times=count)


def _known(found: Annotations, part: str, seen: Counter[str], mistakes: Mistakes) -> dict[int | str, Record]:
    """Plain id -> record, for the records that have what they need."""
    known: dict[int | str, Record] = {}
    for index, record in enumerate(getattr(found, part)):
        missing = [key for key in NEEDED[part] if key not in record]
        if missing:
            place = f"{SINGULAR[part]} {record['id']}" if "id" in record else f"{part}[{index}]"
            needs = ", ".join(NEEDED[part])
            mistakes.add(f"{found.file}: {place}: no `{missing[0]}`; it needs {needs}")
            continue
        key = plain(record["id"], seen)
        if key is None:
            mistakes.add(f"{found.file}: {part}[{index}]: id {record['id']!r} is neither a whole number nor a text")
        elif key in known:
            mistakes.add(f"{found.file}: {SINGULAR[part]} id {record['id']!r} is given twice")
        else:
            record["id"] = key
            known[key] = record
    return known


def _check_image(found: Annotations, image: Record, seen: Counter[str], mistakes: Mistakes) -> None:
    name = image["file_name"]
    where = f"{found.file}: image {image['id']}"
    if not isinstance(name, str) or not name:
        mistakes.add(f"{where}: file_name {name!r} is not a text")
    elif any(ord(character) < 32 for character in name):
        mistakes.add(f"{where}: file_name {name!r} holds a control character")
    for key in ("width", "height"):
        try:
            image[key] = side(image.get(key), seen)
        except ValueError:
            mistakes.add(f"{where}: {key} {image[key]!r} is not a whole number")
            image[key] = None


def _check_name(found: Annotations, category: Record, mistakes: Mistakes, log: RepairLog) -> None:
    name = category["name"]
    if isinstance(name, int | float) and not isinstance(name, bool):
        category["name"] = str(int(name) if float(name).is_integer() else name)
        log.add("category_name_to_text", found.split, category["id"], f"{name!r} became {category['name']!r}")
    elif not isinstance(name, str) or not name.strip():
        mistakes.add(f"{found.file}: category {category['id']}: name {name!r} is neither a text nor a number")
    elif not name.isprintable():
        mistakes.add(f"{found.file}: category {category['id']}: name {name!r} holds characters that cannot be printed")


def _note_joined_categories(found: Annotations, log: RepairLog) -> None:
    names = Counter(category.get("name") for category in found.categories if isinstance(category.get("name"), str))
    for name, count in names.items():
        if count > 1:
            ids = ", ".join(str(category["id"]) for category in found.categories if category["name"] == name)
            log.add("categories_joined", found.split, None, f"{name!r} had the ids {ids}")


def _unknown(key: str, value: Any, what: str) -> str:
    return f"{key} {value!r} is no {what} of this file" if value is not None else f"no `{key}`"


def _check_bbox(found: Annotations, index: int, box: Box, log: RepairLog) -> str | None:
    if box.bbox is None:
        box.bbox = _around(box.segmentation)
        if box.bbox:
            log.add("box_from_polygon", found.split, box.id, f"{found.place(index)}: {box.bbox}")
    if box.bbox is None:
        return "no `bbox`; it needs image_id, category_id, bbox"
    sides = box.bbox
    # -inf < x < inf is False for NaN too, and much faster than math.isfinite on a list
    if isinstance(sides, list) and len(sides) == 4 and all(type(x) in (float, int) and -1e18 < x < 1e18 for x in sides):
        return None
    return f"bbox {_short(sides)} is not four finite numbers [x, y, width, height]"


def _check_crowd(box: Box, seen: Counter[str]) -> str | None:
    crowd = box.iscrowd
    if crowd is msgspec.UNSET or crowd is None:
        box.iscrowd = None
    elif isinstance(crowd, int | float) and crowd in (0, 1):
        if isinstance(crowd, float):
            seen["whole_floats"] += 1
        box.iscrowd = int(crowd)
    else:
        box.iscrowd = 0
        return f"iscrowd {_short(crowd)} is neither 0 nor 1"
    return None


def _around(segmentation: msgspec.Raw) -> list[float] | None:
    """The box around polygons; None for run lengths and for what is no polygon."""
    try:
        polygons = msgspec.json.decode(segmentation, type=list[list[float]])
    except msgspec.MsgspecError:
        return None
    if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        return None
    across = [x for polygon in polygons for x in polygon[0::2]]
    down = [y for polygon in polygons for y in polygon[1::2]]
    return [min(across), min(down), max(across) - min(across), max(down) - min(down)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
