"""Boxes that are numbers but not what they should be: fractions, corners, rotated rectangles.

Each guess speaks only where most boxes of a split fit it, says what it took them for, and names the key of
params.yaml that overrules it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset.annotations import Annotations, Box
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.rules import RepairLog

SLACK = 2.0  # pixels; tools differ by one in where a box ends
AS_GIVEN = "; `dataset.boxes: as_given` takes the numbers as they are"


def unrotate(found: Annotations, envelope: bool, mistakes: Mistakes, log: RepairLog) -> None:
    """Rotated boxes become the upright ones around them, in place, if `envelope`; else each is a mistake."""
    for index, box in enumerate(found.boxes):
        angle = _angle(box)
        if angle is None:
            mistakes.add(f"{found.file}: {found.place(index)}: rotation {_stated(box)!r} is not a number of degrees")
        elif angle % 180 and envelope:
            before, box.bbox = box.bbox, envelope_of(box.bbox, angle)
            log.add("rotated_to_envelope", found.split, box.id, f"{before} at {angle:g} degrees became {box.bbox}")
        elif angle % 180:
            mistakes.add(
                f"{found.file}: {found.place(index)}: rotated by {angle:g} degrees; a detector's boxes are upright: "
                "`dataset.rotated: envelope` takes the upright box around each"
            )


def envelope_of(bbox: Sequence[float], degrees: float) -> list[float]:
    """x, y, width, height of the upright box around one that is turned about its centre."""
    x, y, width, height = bbox
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    wide, high = width * cos + height * sin, width * sin + height * cos
    # rounded, since the cosine of a right angle is not quite 0
    return [round(value, 6) for value in (x + (width - wide) / 2, y + (height - high) / 2, wide, high)]


def guess(found: Annotations, mistakes: Mistakes) -> None:
    """A mistake where most boxes look like fractions of the picture, or like two corners instead of one and sides."""
    sized = list(found.sized())
    if not sized or found.relative:
        return
    x, y, width, height, wide, high = np.array([(*box.bbox, *sides) for _, box, *sides in sized], dtype=float).T
    tiny = ((width < 1) & (height < 1)) | (np.maximum(x + width, y + height) <= 1)
    tiny &= (width > 0) & (height > 0)
    over = (x + width > wide + SLACK) | (y + height > high + SLACK)
    corners = (width > x) & (height > y) & (width <= wide + SLACK) & (height <= high + SLACK) & (x >= 0) & (y >= 0)
    if _most(tiny):
        taken_for = "are below 1 px{}: are they normalised, fractions of the picture? COCO wants pixels"
    # Corners in the upper left half stay inside as sides too, but then every box reads as corners.
    elif _most(over & corners) or (corners.all() and 10 * over.sum() > len(over)):
        taken_for = "reach over the edge{}: are they x1, y1, x2, y2? COCO wants x, y, width, height"
    else:
        return
    fits = tiny if _most(tiny) else over
    index, box, *_ = sized[int(fits.argmax())]
    example = f", such as {found.place(index)}: {box.bbox}"
    mistakes.add(f"{found.file}: {fits.sum():,} of {len(fits):,} boxes {taken_for.format(example)}{AS_GIVEN}")


def _most(fits: NDArray[np.bool_]) -> bool:
    return 2 * int(fits.sum()) > len(fits)


def _stated(box: Box) -> Any:
    attributes = box.attributes
    return attributes["rotation"] if isinstance(attributes, dict) and "rotation" in attributes else box.rotation


def _angle(box: Box) -> float | None:
    """Degrees, 0 where none is stated, None where it is no number."""
    stated = _stated(box)
    if stated is None:
        return 0.0
    try:
        angle = float(stated)
    except (TypeError, ValueError):
        return None
    return angle if math.isfinite(angle) else None
