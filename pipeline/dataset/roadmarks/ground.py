"""The road and what lies beside it, textured in metres, so that grain shrinks towards the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.dataset.roadmarks.backdrop import Colour
from pipeline.dataset.roadmarks.camera import Camera
from pipeline.dataset.roadmarks.noise import Array, value_noise

LANE = 3.0  # metres
VERGES: list[Colour] = [(92, 122, 64), (117, 128, 76), (143, 138, 128), (158, 148, 122)]
VERGE, PAVEMENT, KERB, ASPHALT, PAINT = range(5)
GRAIN = np.array([0.35, 0.15, 0.10, 0.35, 0.20], dtype=np.float32)  # how rough each surface looks
PATCHES = np.array([0.35, 0.10, 0.0, 0.25, 0.0], dtype=np.float32)  # and how uneven
TILE, STEPS = 512, 16  # texture: pixels a side, and pixels a grain
LINE = 0.06  # half the width of a painted line, in metres


@dataclass(frozen=True)
class Road:
    """`lanes` lanes side by side; `left` is the road's left edge in metres from the camera."""

    left: float
    lanes: int

    @property
    def right(self) -> float:
        return self.left + LANE * self.lanes

    @property
    def centres(self) -> list[float]:
        return [self.left + LANE * (lane + 0.5) for lane in range(self.lanes)]


def random_road(rng: np.random.Generator) -> Road:
    """Two or three lanes, and a camera near their middle: further aside, all arrows lean alike."""
    lanes = int(rng.integers(2, 4))
    return Road(left=-LANE * lanes / 2 + rng.uniform(-0.8, 0.8), lanes=lanes)


def ground(rng: np.random.Generator, camera: Camera, road: Road, haze: Colour) -> Image.Image:
    """The picture from the horizon down."""
    x, z = camera.ground()
    grain = _texture(rng, x, z, 0.12)
    patches = _texture(rng, x, z, 1.6)
    shade = np.clip((_texture(rng, x, z, 5.0) + rng.uniform(-0.3, -0.05)) * 8, 0, 1)
    asphalt, verge = rng.uniform(72, 107), VERGES[rng.integers(len(VERGES))]
    colours = np.array([verge, *((grey, grey, grey) for grey in (158, 191, asphalt, 210))], dtype=np.float32)
    surface = _surface(x, z, road, rng.uniform(0, 6))
    light = (1 + GRAIN[surface] * grain + PATCHES[surface] * patches) * (1 - 0.35 * shade)
    fog = (z / (z + rng.uniform(50, 150)))[..., None]
    lit = colours[surface] * light[..., None] * (1 - fog) + np.array(haze, dtype=np.float32) * fog
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _surface(x: Array, z: Array, road: Road, phase: float) -> NDArray[np.uint8]:
    """Which of VERGE ... PAINT lies at each place."""
    aside = np.abs(x - ((road.left + road.right) / 2)) - (LANE * road.lanes / 2)  # from the road's edge
    surface = np.full(x.shape, VERGE, dtype=np.uint8)
    for reach, what in ((1.6, PAVEMENT), (0.35, KERB), (0.15, ASPHALT)):
        surface[aside < reach] = what
    surface[np.abs(aside + 0.15) < LINE] = PAINT
    dashed = (z + phase) % 6 < 2.5
    for lane in range(1, road.lanes):
        surface[(np.abs(x - (road.left + LANE * lane)) < LINE) & dashed] = PAINT
    return surface


def _texture(rng: np.random.Generator, x: Array, z: Array, metres: float) -> Array:
    """Noise from -0.5 to 0.5 with grains of that size, flat where a grain is below a pixel."""
    tile = value_noise(rng, TILE, TILE, (TILE // STEPS, TILE // STEPS)) - 0.5
    tile = np.pad(tile, (0, TILE), mode="symmetric")  # mirrored, so that it goes on without seams
    places = [np.floor(axis * (STEPS / metres)).astype(np.int32) + rng.integers(2 * TILE) for axis in (z, x)]
    return tile[places[0] % (2 * TILE), places[1] % (2 * TILE)] * np.minimum(40 * metres / z, 1)
