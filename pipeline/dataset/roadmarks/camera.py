"""A pinhole camera that looks along a straight road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EYE = 2.0  # height of the camera above the road, in metres


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

    def ground(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x and z in metres, (rows below the horizon, width), of the ground seen in each pixel."""
        first = int(np.ceil(self.horizon + 0.5))
        rows = np.arange(first, self.height)[:, None] + 0.5
        columns = np.arange(self.width)[None, :] + 0.5
        z = self.focal * EYE / (rows - self.horizon) * np.ones(self.width)
        return (columns - self.vanish) * z / self.focal, z


def random_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    return Camera(
        width,
        height,
        horizon=height * rng.uniform(0.36, 0.46),
        vanish=width * rng.uniform(0.4, 0.6),
        focal=height * rng.uniform(1.2, 1.4),
    )
