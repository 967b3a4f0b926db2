"""YOLO as Ultralytics, Roboflow and Label Studio write it: a text file a picture, sides as fractions."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from pipeline.common.errors import UserError
from pipeline.dataset.annotations import Annotations, Box, Record
from pipeline.dataset.layouts.part import Part
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.readers.text import lines
from pipeline.dataset.rules import RepairLog

FORM = "a line is `class x y width height`, or `class` and the corners of a polygon, as fractions of the picture"


def read(part: Part, mistakes: Mistakes, log: RepairLog) -> Annotations:
    """The label files of a split's pictures. A picture without one has no objects."""
    images: list[Record] = []
    boxes: list[Box] = []
    places: list[str] = []
    for number, picture in enumerate(part.members, start=1):
        name = picture.relative_to(part.root).as_posix()
        images.append({"id": number, "file_name": name, "width": None, "height": None})
        label = label_of(picture)
        if not label.exists():
            continue
        try:
            found = lines(label)
        except UserError as error:
            mistakes.add(str(error))
            continue
        for index, line in enumerate(found, start=1):
            try:
                category, box = parse(line, len(part.names), part.keypoints)
            except ValueError as error:
                mistakes.add(f"{label}: line {index}: {error}")
                continue
            boxes.append(Box(len(boxes) + 1, number, category, box, msgspec.UNSET, 0))
            places.append(f"{label.name}: line {index}")
    categories = [{"id": index, "name": name} for index, name in enumerate(part.names)]
    return Annotations(part.split, part.file, part.root, images, boxes, categories, relative=True, places=places)


def label_of(picture: Path) -> Path:
    """Ultralytics' rule: the last folder called `images` becomes `labels`; without such a folder the text lies
    beside the picture."""
    parts = list(picture.parent.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    folder = Path(*parts) if Path(*parts).is_dir() else picture.parent
    return folder / f"{picture.stem}.txt"


def parse(line: str, classes: int, keypoints: bool = False) -> tuple[int, list[float]]:
    """Class and box (x, y of the corner, width, height; fractions) of a label line. Raises ValueError.

    Of a polygon it is the box around it; where the set has keypoints, the box comes first and they follow.
    """
    words = line.split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"{line[:60]!r} holds what is no number; {FORM}") from None
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{line[:60]!r} holds numbers that are not finite; {FORM}")
    if len(values) < 5 or not (keypoints or len(values) == 5 or (len(values) >= 7 and len(values) % 2)):
        scores = " (a score at the end? these look like predictions)" if len(values) == 6 else ""
        raise ValueError(f"{len(values)} numbers{scores}; {FORM}")
    if not values[0].is_integer() or not 0 <= values[0] < classes:
        raise ValueError(f"class {words[0]} is not one of the {classes} names of the set, which count from 0")
    if len(values) == 5 or keypoints:
        x, y, width, height = values[1:5]
        return int(values[0]), [x - width / 2, y - height / 2, width, height]
    across, down = values[1::2], values[2::2]
    return int(values[0]), [min(across), min(down), max(across) - min(across), max(down) - min(down)]
