"""LabelMe: one JSON beside each picture, with rectangles, polygons and circles."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.dataset.annotations import Annotations, Box, Record
from pipeline.dataset.layouts.kinds import is_labelme, load
from pipeline.dataset.layouts.part import Part, by_name, pictures
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.readers.voc import by_label
from pipeline.dataset.rules import RepairLog

AREAS = ("rectangle", "polygon", "circle", "rotation", "mask")


def read(part: Part, mistakes: Mistakes, log: RepairLog) -> Annotations:
    """The JSON files of a split. Polygons of one label and group are one object, as LabelMe's own export has it."""
    images: list[Record] = []
    boxes: list[Box] = []
    places: list[str] = []
    for number, file in enumerate(part.members, start=1):
        data = load(file)
        if not is_labelme(data):
            mistakes.add(f"{file}: is no LabelMe JSON: an object with `shapes` and `imagePath` is expected")
            continue
        name = _picture(part, data, file, log)
        sides = {"width": data.get("imageWidth"), "height": data.get("imageHeight")}
        images.append({"id": number, "file_name": name, **sides})
        objects: dict[Any, Box] = {}
        for index, shape in enumerate(data["shapes"]):
            kind = shape.get("shape_type", "polygon") if isinstance(shape, dict) else None
            if kind in ("point", "points", "line", "linestrip"):
                log.add("shape_left_out", part.split, None, f"{file.name}: shape {index}: {kind}")
                continue
            extent = _extent(kind, shape.get("points")) if kind in AREAS else None
            label = shape.get("label") if isinstance(shape, dict) else None
            if extent is None or not isinstance(label, str) or not label:
                allowed = f"a label, shape_type one of {', '.join(AREAS)}, and points as pairs of numbers"
                mistakes.add(f"{file}: shapes[{index}]: it needs {allowed}")
                continue
            key = (label, group) if isinstance(group := shape.get("group_id"), int) else index
            if key in objects:
                objects[key].bbox = _around([objects[key].bbox, extent])
                continue
            objects[key] = Box(len(boxes) + 1, number, label, extent, msgspec.UNSET, 0)
            boxes.append(objects[key])
            places.append(f"{file.name}: shapes[{index}]")
    _note_unlabelled(part, images, log)
    return Annotations(part.split, part.file, part.root, images, boxes, by_label(boxes), places=places)


def _picture(part: Part, data: dict[str, Any], file: Path, log: RepairLog) -> str:
    """The picture that `imagePath` names from the JSON's folder, or the one of the JSON's own name."""
    stated = str(data["imagePath"]).replace("\\", "/")
    path = file.parent / stated
    if not path.exists():
        same = by_name(file.parent).get(file.stem)
        if same is not None:
            log.add("found_by_stem", part.split, None, f"{file.name}: {stated} became {same.name}")
            path = same
    return Path(os.path.relpath(path, part.root)).as_posix()


def _extent(kind: str, points: Any) -> list[float] | None:
    """x, y, width, height around the points; a circle is its centre and a point on it."""
    if not isinstance(points, list) or len(points) < 2 or not all(map(_is_point, points)):
        return None
    across, down = [x for x, _ in points], [y for _, y in points]
    if kind == "circle":
        radius = math.dist(points[0], points[1])
        across, down = [across[0] - radius, across[0] + radius], [down[0] - radius, down[0] + radius]
    return [min(across), min(down), max(across) - min(across), max(down) - min(down)]


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(value, int | float) and math.isfinite(value) for value in point)
    )


def _around(boxes: Sequence[Sequence[float]]) -> list[float]:
    left, top = (min(box[axis] for box in boxes) for axis in (0, 1))
    right, bottom = (max(box[axis] + box[axis + 2] for box in boxes) for axis in (0, 1))
    return [left, top, right - left, bottom - top]


def _note_unlabelled(part: Part, images: list[Record], log: RepairLog) -> None:
    known = {image["file_name"] for image in images}
    folders = sorted({file.parent for file in part.members})
    for folder in folders:
        for picture in pictures(folder):
            name = Path(os.path.relpath(picture, part.root)).as_posix()
            if picture.parent == folder and name not in known:
                log.add("picture_without_json", part.split, None, name)
