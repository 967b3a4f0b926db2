"""Where the marks of a picture stand: sizes drawn first, then a spot in the street where they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.dataset.roadmarks.camera import EYE, Camera
from pipeline.dataset.roadmarks.deck import CLASSES
from pipeline.dataset.roadmarks.ground import Road
from pipeline.dataset.roadmarks.marks import ON_ROAD, Point

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

NAMES = list(CLASSES)
SIZES, CHANCES = ("small", "medium", "large"), (0.12, 0.72, 0.16)
# The side of a sign, over the picture's height (at 160 rows: 20-29, 36-66, 98-112 pixels; a tall picture counts
# as 16:10, so that its signs fit)
SIGN = {"small": (0.125, 0.18), "medium": (0.225, 0.41), "large": (0.61, 0.70)}
METRES = {"red_tl": 2.2, "no_driving_mark_allsort": 1.3, "no_parking_mark": 1.3}  # heights of the flat marks
ASPECT = {"red_tl": 0.42}  # width over height; the others are square
# Rows between an arrow's tail and the horizon, over the road's rows; its width and length in metres
ARROW = {
    "small": ((0.40, 0.50), (1.5, 1.8), (6.0, 8.0)),
    "medium": ((0.75, 0.98), (2.0, 2.5), (8.0, 12.0)),
    "large": ((0.97, 1.0), (2.5, 2.8), (14.0, 20.0)),
}
TRIES = 120
OVERLAP = 0.2  # of the smaller box


@dataclass(frozen=True)
class Spot:
    """A mark in its place. `z` is its distance in metres; `outline` is an arrow's polygon in pixels;
    `gantry`: the mark hangs over the road and stands on no pole."""

    category: int
    box: Box
    z: float
    outline: tuple[Point, ...] = ()
    gantry: bool = False


def place(rng: np.random.Generator, camera: Camera, road: Road, hand: list[int]) -> list[Spot]:
    """A spot for each class number in `hand`, in drawing order: arrows, then signs from far to near."""
    spots: list[Spot] = []
    for category in hand:
        stand = _arrow if NAMES[category] in ON_ROAD else _sign
        best, least = None, np.inf
        for attempt in range(TRIES):
            size = SIZES[rng.choice(3, p=CHANCES)] if attempt < TRIES // 2 else "small"
            spot = stand(rng, camera, road, category, size)
            cost = _hidden(spot.box, camera) + max((_overlap(spot.box, other.box) for other in spots), default=0)
            if cost < least:
                best, least = spot, cost
            if cost <= OVERLAP:
                break
        assert best is not None
        spots.append(best)
    return sorted(spots, key=lambda spot: (not spot.outline, -spot.z))


def _sign(rng: np.random.Generator, camera: Camera, road: Road, category: int, size: str) -> Spot:
    name = NAMES[category]
    aspect = ASPECT.get(name, 1.0)
    # equal areas for equal size classes: a light is higher than a sign is
    rows = min(camera.height, camera.width / 1.6)
    height = min(rows * rng.uniform(*SIGN[size]) / aspect**0.5, 0.9 * rows)
    width = height * aspect * rng.uniform(0.86, 1.0)  # turned away a little
    z = camera.focal * METRES[name] / height
    x = rng.uniform(width / 2, camera.width - width / 2)
    _, y = camera.project(0, rng.uniform(2.6, 4.4), z)
    y = max(y, height * rng.uniform(0.5, 0.6))
    x_metres = (x - camera.vanish) * z / camera.focal
    over_road = road.left - 0.5 < x_metres < road.right + 0.5
    return Spot(category, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), z, gantry=over_road)


def _arrow(rng: np.random.Generator, camera: Camera, road: Road, category: int, size: str) -> Spot:
    depth, widths, lengths = ARROW[size]
    z = camera.focal * EYE / ((camera.height - camera.horizon) * rng.uniform(*depth))
    width, length = rng.uniform(*widths), rng.uniform(*lengths)
    x = rng.choice(road.centres) + rng.uniform(-0.2, 0.2)
    points = [camera.project(x + px * width, 0, z + pz * length) for px, pz in ON_ROAD[NAMES[category]]]
    columns, rows = zip(*points, strict=True)
    return Spot(category, (min(columns), min(rows), max(columns), max(rows)), z, tuple(points))


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def _common(one: Box, two: Box) -> float:
    return _area((max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])))


def _overlap(one: Box, two: Box) -> float:
    return _common(one, two) / min(_area(one), _area(two))


def _hidden(box: Box, camera: Camera) -> float:
    """The share of the box outside the picture."""
    return 1 - _common(box, (0, 0, camera.width, camera.height)) / _area(box)
