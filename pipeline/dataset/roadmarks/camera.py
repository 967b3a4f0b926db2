"""A pinhole camera that looks along a straight road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.dataset.roadmarks.noise import Array

EYE = 3.6  # height of the camera above the road, in metres: a lorry's, so that arrows are seen well


@dataclass(frozen=True)
class Camera:
    """Metres to pixels: x to the right, z ahead, up above the road. `horizon` and `vanish` are the row
    and column where the road ends; `focal` is in pixels."""

    width: int
    height: int
    horizon: float
    vanish: float
    focal: float

    def project(self, x: float, up: float, z: float) -> tuple[float, float]:
        """Column and row of a point."""
        return self.vanish + self.focal * x / z, self.horizon + self.focal * (EYE - up) / z

    @property
    def first_row(self) -> int:
        """The first row of pixels that shows ground."""
        return int(self.horizon + 1.5)

    def ground(self) -> tuple[Array, Array]:
        """x and z in metres of the ground in each pixel, (rows from `first_row`, width) each."""
        rows = np.arange(self.first_row, self.height, dtype=np.float32)[:, None] + 0.5
        columns = np.arange(self.width, dtype=np.float32) + (0.5 - self.vanish)
        z = (self.focal * EYE) / (rows - self.horizon) * np.ones_like(columns)
        return columns * z / self.focal, z


def random_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    return Camera(
        width,
        height,
        horizon=height * rng.uniform(0.36, 0.46),
        vanish=width * rng.uniform(0.4, 0.6),
        focal=height * rng.uniform(1.2, 1.4),
    )
