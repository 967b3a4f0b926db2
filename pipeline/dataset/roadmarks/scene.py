"""The empty street: sky, skyline, ground and road, all in the camera's perspective.

Colours are floats from 0 to 1. Textures are value noise, looked up in metres on the ground, so that they
shrink towards the horizon as the road does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.dataset.roadmarks.camera import Camera

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

SKIES: list[tuple[Colour, Colour]] = [  # at the top, at the horizon
    ((0.30, 0.52, 0.82), (0.78, 0.87, 0.95)),
    ((0.45, 0.62, 0.80), (0.90, 0.92, 0.92)),
    ((0.62, 0.66, 0.70), (0.82, 0.84, 0.85)),
    ((0.42, 0.45, 0.62), (0.96, 0.80, 0.62)),
]
VERGES: list[Colour] = [(0.36, 0.48, 0.25), (0.46, 0.50, 0.30), (0.56, 0.54, 0.50), (0.62, 0.58, 0.48)]
FACADES: list[Colour] = [
    (0.60, 0.56, 0.52), (0.48, 0.47, 0.50), (0.68, 0.63, 0.55), (0.42, 0.44, 0.48), (0.55, 0.48, 0.44),
]  # fmt: skip
LANE = 3.0  # metres


@dataclass(frozen=True)
class Road:
    """Lane centres in metres from the camera, and the half width of a lane."""

    left: float
    lanes: int

    @property
    def centres(self) -> list[float]:
        return [self.left + LANE * (lane + 0.5) for lane in range(self.lanes)]

    @property
    def right(self) -> float:
        return self.left + LANE * self.lanes


def random_road(rng: np.random.Generator) -> Road:
    """Two or three lanes; the camera drives along one of them."""
    lanes = int(rng.integers(2, 4))
    own = rng.integers(lanes) + 0.5
    return Road(left=-LANE * own + rng.uniform(-0.5, 0.5), lanes=lanes)


def street(rng: np.random.Generator, camera: Camera, road: Road) -> Array:
    """The scene without marks: (height, width, 3)."""
    top, low = SKIES[rng.integers(len(SKIES))]
    picture = _sky(rng, camera, np.array(top), np.array(low))
    picture = _skyline(rng, camera, picture, np.array(low))
    first = int(np.ceil(camera.horizon + 0.5))
    picture[first:] = _ground(rng, camera, road, np.array(low))
    return picture


def value_noise(rng: np.random.Generator, rows: int, columns: int, cells: tuple[int, int]) -> Array:
    """Smooth noise from 0 to 1: a coarse grid of random values, enlarged."""
    grid = Image.fromarray((rng.random((cells[1], cells[0])) * 255).astype(np.uint8))
    return np.asarray(grid.resize((columns, rows), Image.Resampling.BICUBIC), dtype=float) / 255


def _sky(rng: np.random.Generator, camera: Camera, top: Array, low: Array) -> Array:
    fade = np.clip(np.arange(camera.height) / camera.horizon, 0, 1)[:, None, None]
    sky = top * (1 - fade) + low * fade + np.zeros((camera.height, camera.width, 1))
    clouds = sum(
        value_noise(rng, camera.height, camera.width, (4 * 2**octave, 5 * 2**octave)) / 2**octave for octave in range(4)
    )
    cover = np.clip((clouds / 1.875 - rng.uniform(0.45, 0.6)) * 5, 0, 0.8)[..., None] * (1 - 0.5 * fade)
    return sky * (1 - cover) + np.array([0.97, 0.97, 0.98]) * cover


def _skyline(rng: np.random.Generator, camera: Camera, picture: Array, haze: Array) -> Array:
    """Rows of houses and trees, the far ones paler, lower and behind."""
    canvas = Image.fromarray((picture * 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    unit = camera.height / 160
    for nearness in (0.35, 0.6, 0.85):
        column = -rng.uniform(0, 20) * unit
        while column < camera.width:
            width = rng.uniform(12, 40) * unit * (0.5 + nearness)
            # low in the middle, where the street goes on to the horizon
            opening = min(1.0, abs(column + width / 2 - camera.vanish) / (0.5 * camera.width) + 0.15)
            height = rng.uniform(10, 46) * unit * (0.4 + nearness) * opening
            box = (column, camera.horizon - height, column + width, camera.horizon + 2)
            if rng.random() < 0.6:
                _house(rng, pen, box, _mix(FACADES[rng.integers(len(FACADES))], haze, nearness), unit)
            else:
                _tree(rng, pen, box, _mix((0.24, 0.36, 0.20), haze, nearness))
            column += width * rng.uniform(0.7, 1.3)
    return np.asarray(canvas, dtype=float) / 255


def _mix(colour: Colour, haze: Array, nearness: float) -> Array:
    return np.array(colour) * nearness + haze * (1 - nearness)


def _rgb(colour: Array) -> tuple[int, ...]:
    return tuple(int(255 * min(max(part, 0), 1)) for part in colour)


Box = tuple[float, float, float, float]


def _house(rng: np.random.Generator, pen: ImageDraw.ImageDraw, box: Box, colour: Array, unit: float) -> None:
    colour = colour * rng.uniform(0.85, 1.1)
    pen.rectangle(box, fill=_rgb(colour))
    step = rng.uniform(4.5, 7) * unit
    pane = _rgb(colour * rng.choice([0.78, 1.12]))
    for x in np.arange(box[0] + step / 2, box[2] - step / 2, step).tolist():
        for y in np.arange(box[1] + step / 2, box[3] - step / 2, step).tolist():
            pen.rectangle((x, y, x + step * 0.45, y + step * 0.55), fill=pane)


def _tree(rng: np.random.Generator, pen: ImageDraw.ImageDraw, box: Box, colour: Array) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    for _ in range(14):
        x, y = box[0] + width * rng.random(), box[1] + height * rng.uniform(0.1, 0.8)
        radius = width * rng.uniform(0.15, 0.3)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_rgb(colour * rng.uniform(0.8, 1.2)))


def _ground(rng: np.random.Generator, camera: Camera, road: Road, haze: Array) -> Array:
    x, z = camera.ground()
    grain = _texture(rng, x, z, 0.12) - 0.5
    patches = _texture(rng, x, z, 1.6) - 0.5
    verge = np.array(VERGES[rng.integers(len(VERGES))])
    ground = verge * (1 + 0.35 * grain + 0.35 * patches)[..., None]
    paved = _between(x, road.left - 1.6, road.right + 1.6)
    ground = _paint(ground, paved, 0.62 * (1 + 0.15 * grain + 0.1 * patches))
    kerb = _between(x, road.left - 0.35, road.right + 0.35)
    ground = _paint(ground, kerb, 0.75 * (1 + 0.1 * grain))
    asphalt = rng.uniform(0.28, 0.42)
    driven = _between(x, road.left - 0.15, road.right + 0.15)
    ground = _paint(ground, driven, asphalt * (1 + 0.35 * grain + 0.25 * patches))
    for edge in (road.left + 0.1, road.right - 0.1):
        ground = _paint(ground, np.abs(x - edge) < 0.06, 0.8 + 0.2 * grain)
    phase = rng.uniform(0, 6)
    for lane in range(1, road.lanes):
        dash = (np.abs(x - road.left - LANE * lane) < 0.06) & ((z + phase) % 6 < 2.5)
        ground = _paint(ground, dash, 0.82 + 0.2 * grain)
    shade = np.clip((_texture(rng, x, z, 5.0) - rng.uniform(0.55, 0.8)) * 8, 0, 1)[..., None]
    ground = ground * (1 - 0.35 * shade)
    fog = (1 - np.exp(-z / rng.uniform(40, 120)))[..., None]
    return np.clip(ground * (1 - fog) + haze * fog, 0, 1)


def _texture(rng: np.random.Generator, x: Array, z: Array, metres: float) -> Array:
    """Value noise with grains of that size, fading to its mean of 0.5 where a grain is below a pixel."""
    tile = value_noise(rng, 256, 256, (64, 64))
    looked_up = tile[(z * 4 / metres).astype(int) % 256, (x * 4 / metres).astype(int) % 256]
    return 0.5 + (looked_up - 0.5) * np.clip(metres * 40 / z, 0, 1)


def _between(x: Array, low: float, high: float) -> NDArray[np.bool_]:
    return (x > low) & (x < high)


def _paint(ground: Array, where: NDArray[np.bool_], grey: Array) -> Array:
    return np.where(where[..., None], grey[..., None], ground)
