"""The noise floor: what AP changes by when nothing changes, from the baseline trained twice with equal seeds.

On a GPU some backward passes add in any order, so equal seeds differ; on a CPU they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NoiseFloor:
    """`differences` is cell (`again-0`) -> its AP minus the baseline's of that seed; `sd` and `largest` of those."""

    cells: int
    differences: dict[str, float]
    sd: float
    largest: float
    text: str


def noise_floor(first: Mapping[int, float], again: Mapping[str, Mapping[int, float]]) -> NoiseFloor | None:
    """AP by seed of the baseline, and of each A/A variant; over the seeds that both have, None where there are none.

    sd = sqrt(sum d² / 2n), the SD of one run about what its seed gives on average.
    """
    differences = {
        f"{variant}-{seed}": ap - first[seed]
        for variant, runs in again.items()
        for seed, ap in runs.items()
        if seed in first
    }
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
