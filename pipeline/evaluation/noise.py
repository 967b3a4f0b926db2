"""The noise floor: what AP changes by when nothing changes, from the baseline trained twice with equal seeds.

On a GPU some backward passes add in any order, so equal seeds differ; on a CPU they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NoiseFloor:
    """`differences` is seed -> AP of the second run minus the first; `sd` and `largest` are of those, in AP."""

    cells: int
    differences: dict[str, float]
    sd: float
    largest: float
    text: str


def noise_floor(first: Mapping[int, float], second: Mapping[int, float]) -> NoiseFloor | None:
    """Over the seeds that both have; None where there are none.

    sd = sqrt(sum d² / 2n), the SD of one run about what its seed gives on average.
    """
    differences = {str(seed): second[seed] - first[seed] for seed in first if seed in second}
    if not differences:
        return None
    d = np.array(list(differences.values()))
    sd, largest = float(np.sqrt((d**2).mean() / 2)), float(np.abs(d).max())
    twice = f"Trained twice with equal seeds ({len(d)} pairs), the baseline"
    text = (
        f"{twice} differed by up to {largest:.4f} AP (SD {sd:.4f}): the machine alone does that."
        if largest > 0
        else f"{twice} gave the same AP: this machine adds no noise."
    )
    return NoiseFloor(len(d), differences, sd, largest, text)
