"""What sharing random numbers between the cells of a seed buys.

`pairing: seeds` takes what a seed does to all variants out of the error, and pays with m (k - 1) instead of
(m + 1)(k - 1) degrees of freedom. It pays where the correlation within seeds outweighs the larger critical value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.common.errors import UserError
from pipeline.evaluation.dunnett import critical_value
from pipeline.evaluation.spread import seed_variance


def pairing_gain(runs: Mapping[str, Mapping[int, float]], alpha: float = 0.05) -> dict[str, Any]:
    """From AP as variant -> {seed: value}, complete: what pairing does to differences between a variant and another.

    `sd_independent` is the SD of a difference of two runs with unrelated seeds, `sd_paired` with the same seed,
    `correlation` that of two variants within a seed, `half_width_ratio` the ratio of the seed parts of the
    intervals, critical values included: below 1 pairing pays.
    """
    seeds = sorted(next(iter(runs.values())))
    points = np.array([[variant[seed] for seed in seeds] for variant in runs.values()])
    if min(points.shape) < 2:
        raise UserError(
            f"pairing takes two variants and two seeds or more, not {points.shape[0]} and {points.shape[1]}"
        )
    within, within_df = seed_variance(points)
    residual, residual_df = seed_variance(points, "seeds")
    m = len(points) - 1
    critical = critical_value(m, residual_df, alpha) / critical_value(m, within_df, alpha)
    return {
        "seeds": len(seeds),
        "variants": m,
        "sd_independent": float(np.sqrt(2 * within)),
        "sd_paired": float(np.sqrt(2 * residual)),
        "correlation": float(1 - residual / within),
        "half_width_ratio": float(np.sqrt(residual / within) * critical),
    }
