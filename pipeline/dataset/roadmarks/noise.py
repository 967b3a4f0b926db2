"""Value noise: smooth random patterns for clouds, asphalt and worn paint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# 32 bits and plain arithmetic only (no exp, no sums): every machine rounds these alike
Array = NDArray[np.floating[Any]]


def value_noise(rng: np.random.Generator, height: int, width: int, cells: tuple[int, int]) -> Array:
    """(height, width) from 0 to 1: a grid of `cells` (columns, rows) of random values, enlarged."""
    grid = Image.fromarray(rng.integers(256, size=cells[::-1], dtype=np.uint8))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
