"""Pascal VOC: one XML a picture. `bndbox` holds the first and the last pixel, counted from 1 (VOC devkit)."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from pipeline.dataset.annotations import Annotations, Box, Record
from pipeline.dataset.layouts.part import Part, by_name
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.rules import RepairLog

CORNERS = ("xmin", "ymin", "xmax", "ymax")
ROTATED = ("cx", "cy", "w", "h", "angle")  # roLabelImg; the angle in radians


def read(part: Part, mistakes: Mistakes, log: RepairLog) -> Annotations:
    """The XML files of a split. Objects marked difficult become crowd: neither trained on nor scored, as in VOC."""
    images: list[Record] = []
    boxes: list[Box] = []
    places: list[str] = []
    pictures = by_name(part.root) if part.root.is_dir() else {}
    for number, file in enumerate(part.members, start=1):
        try:
            tree = ElementTree.parse(file).getroot()
        except FileNotFoundError:
            mistakes.add(f"{part.file}: lists {file.stem}, but there is no {file}")
            continue
        except (ElementTree.ParseError, OSError, ValueError) as error:
            mistakes.add(f"{file}: not valid XML: {error}")
            continue
        images.append({
            "id": number, "file_name": _picture(part, tree, file, pictures, log),
            **{side: _number(tree.findtext(f"size/{side}")) for side in ("width", "height")},
        })  # fmt: skip
        for index, thing in enumerate(tree.iter("object"), start=1):
            place = f"{file.name}: object {index}"
            box = _box(thing)
            name = (thing.findtext("name") or "").strip()
            if box is None or not name:
                what = "no bndbox with xmin, ymin, xmax, ymax as numbers" if box is None else "no name"
                mistakes.add(f"{file}: object {index}: {what}")
                continue
            if (thing.findtext("difficult") or "0").strip() == "1":
                box.iscrowd = 1
                log.add("difficult_made_crowd", part.split, None, place)
            box.id, box.image_id, box.category_id = len(boxes) + 1, number, name
            boxes.append(box)
            places.append(place)
    categories = by_label(boxes)
    return Annotations(part.split, part.file, part.root, images, boxes, categories, places=places)


def by_label(boxes: list[Box]) -> list[Record]:
    """Categories of boxes whose category is a name, in the order of the alphabet; the boxes get their ids."""
    names = sorted({box.category_id for box in boxes})
    number = {name: index for index, name in enumerate(names, start=1)}
    for box in boxes:
        box.category_id = number[box.category_id]
    return [{"id": index, "name": name} for name, index in number.items()]


def _picture(part: Part, tree: ElementTree.Element, file: Path, pictures: dict[str, Path], log: RepairLog) -> str:
    """The file name as it stands in the XML, or the picture of the XML's own name where that one is not there."""
    stated = (tree.findtext("filename") or "").strip()
    if not stated or not (part.root / stated).exists():
        same = pictures.get(file.stem)
        if same is not None:
            if stated and stated != file.stem:
                log.add("found_by_stem", part.split, None, f"{file.name}: {stated} became {same.name}")
            return same.name
    return stated or file.stem


def _box(thing: ElementTree.Element) -> Box | None:
    corners = [_number(thing.findtext(f"bndbox/{key}")) for key in CORNERS]
    left, top, right, bottom = corners
    if left is not None and top is not None and right is not None and bottom is not None:
        return Box(bbox=[left - 1, top - 1, right - left + 1, bottom - top + 1], area=msgspec.UNSET, iscrowd=0)
    x, y, width, height, angle = (_number(thing.findtext(f"robndbox/{key}")) for key in ROTATED)
    if x is not None and y is not None and width is not None and height is not None and angle is not None:
        box = [x - width / 2, y - height / 2, width, height]
        return Box(bbox=box, rotation=math.degrees(angle), area=msgspec.UNSET, iscrowd=0)
    return None


def _number(text: str | None) -> float | int | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value
