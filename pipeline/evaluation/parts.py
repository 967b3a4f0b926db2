"""What the choice of images does to AP, split into what the seeds of a variant share and what each run has alone.

Multi-reader multi-case analysis with seeds as readers (Obuchowski and Rockette, Communications in Statistics 24 (1995);
Hillis, Statistics in Medicine 33 (2014)). The covariances of runs over resamples of the images are averaged:

    Cov1   runs of one seed and two variants        (only where seeds are paired)
    Cov2   runs of one variant and two seeds
    Cov3   runs of two variants and two seeds

A difference of two variants has the image variance A = Cov2 + Cov2 - 2 Cov3, whatever the number of seeds. The rest,
what images do to one run alone, is already in the variance between seeds and must not be counted again.

Shapes: G groups (the baseline first), K seeds, B resamples; NaN where a group has no run of a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.boxes import Bools, Floats
from pipeline.evaluation.settings import Pairing


@dataclass(frozen=True)
class ImageParts:
    """Variances in AP². `degrees_of_freedom`: of the units that resamples draw, less one."""

    within: Floats  # (G,) Cov2; NaN with one seed
    between: Floats  # (G, G) Cov3 of each pair of groups
    means: Floats  # (G, G) covariance of the groups' means over seeds
    run: float  # of one run alone; NaN with one seed
    degrees_of_freedom: float

    def shared(self, g: int, h: int) -> float:
        """A of the difference of two groups; not below 0."""
        return max(float(self.within[g] + self.within[h] - 2 * self.between[g, h]), 0.0)

    def se(self, g: int, h: int) -> float:
        """SD over resamples of the difference of two means over seeds."""
        return float(np.sqrt(max(self.means[g, g] + self.means[h, h] - 2 * self.means[g, h], 0.0)))


def image_parts(resampled: Floats, units: int, pairing: Pairing = "none") -> ImageParts:
    """From (G, K, B). A resample in which some run has no AP is left out.

    `units` is how many images, or groups of images, a resample draws: a bootstrap variance is too small by
    (units - 1) / units, which is put right.
    """
    there = ~np.isnan(resampled).all(axis=2)  # (G, K)
    runs = resampled[there]
    runs = runs[:, ~np.isnan(runs).any(axis=0)]
    group, seed = np.nonzero(there)
    covariance = np.atleast_2d(np.cov(runs)) * units / max(units - 1, 1)
    member = (group == np.arange(len(resampled))[:, None]).astype(float)  # (G, R)

    def mean_over(pairs: Bools) -> Floats:
        """(G, G): mean covariance of the given pairs of runs; NaN where two groups have none."""
        with np.errstate(invalid="ignore"):
            return (member @ (covariance * pairs) @ member.T) / (member @ pairs @ member.T)

    same_seed = seed[:, None] == seed
    means, across = mean_over(np.ones_like(same_seed)), mean_over(~same_seed)
    within = np.diag(across)
    run = np.diag(mean_over(np.eye(len(runs), dtype=bool))).mean() - within.mean()
    if pairing == "seeds":
        pairs = ~np.eye(len(resampled), dtype=bool)
        run -= (mean_over(same_seed) - across)[pairs].mean()
    between = across if pairing == "seeds" else means
    return ImageParts(within, between, means, max(float(run), 0.0), max(units - 1.0, 1.0))
