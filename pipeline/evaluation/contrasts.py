"""Differences of m variants to one baseline with their two sources of error: the images and the seeds.

SE² = SE_images² + 2 s² / k. SE_images is the SD of the difference of seed means over resamples of the images, the same
resamples for all runs. s² is the variance between seeds, pooled over all groups: three seeds alone say little, ten
groups of three say enough. Shapes: m variants, k seeds, B resamples; the baseline comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.settings import Pairing


@dataclass(frozen=True)
class Contrasts:
    """`seed_sd` and `degrees_of_freedom` are None with one seed: then `se` is that of the images alone."""

    delta: Floats  # (m,)
    se_images: Floats  # (m,)
    seed_sd: float | None
    degrees_of_freedom: int | None
    se: Floats  # (m,)


def contrasts(points: Floats, resampled: Floats, pairing: Pairing = "none") -> Contrasts:
    """From `points` (m + 1, k) and `resampled` (m + 1, k, B). NaN in a resample leaves that resample out."""
    seeds = points.shape[1]
    means = points.mean(axis=1)
    drawn = resampled.mean(axis=1)  # (m + 1, B)
    se_images = np.nanstd(drawn[1:] - drawn[0], axis=1, ddof=1)
    delta = means[1:] - means[0]
    if seeds == 1:
        return Contrasts(delta, se_images, None, None, se_images)
    variance, freedom = seed_variance(points, pairing)
    se = np.sqrt(se_images**2 + 2 * variance / seeds)
    return Contrasts(delta, se_images, float(np.sqrt(variance)), freedom, se)


def seed_variance(points: Floats, pairing: Pairing = "none") -> tuple[float, int]:
    """s² and its degrees of freedom from (groups, k); needs k of 2 or more.

    "none": within groups, df = groups (k - 1). "seeds": cells of one seed share their random numbers, so what a seed
    does to all groups cancels in a difference; s² is the residual of groups + seeds (a randomised block design), df =
    (groups - 1)(k - 1), and Var(difference) is 2 s² / k in both.
    """
    groups, seeds = points.shape
    residual = points - points.mean(axis=1, keepdims=True)
    if pairing == "seeds":
        residual = residual - residual.mean(axis=0, keepdims=True)
    freedom = (groups if pairing == "none" else groups - 1) * (seeds - 1)
    return float((residual**2).sum() / freedom), freedom


def improving_pairs(baseline: Floats, variant: Floats) -> tuple[int, int]:
    """Of all pairs of a seed of the baseline and a seed of the variant, (those that improve, all)."""
    better = variant[:, None] > baseline[None, :]
    return int(better.sum()), better.size


def rank_distribution(points: Floats, resampled: Floats, seed: int, pairing: Pairing = "none") -> Floats:
    """(groups, groups): row g holds P(rank 1), P(rank 2), ... of group g, rank 1 being the highest AP.

    Each resample of the images gets one draw of the seeds: normal, of the pooled variance, itself drawn from its
    chi-square, so that three seeds count as three. With one seed only the images vary.
    """
    groups, seeds = points.shape
    rng = np.random.default_rng(seed)
    drawn = resampled.mean(axis=1)
    drawn = drawn[:, ~np.isnan(drawn).any(axis=0)]
    drawn = drawn - drawn.mean(axis=1, keepdims=True) + points.mean(axis=1, keepdims=True)
    if seeds > 1:
        variance, freedom = seed_variance(points, pairing)
        scale = np.sqrt(variance / seeds * freedom / rng.chisquare(freedom, drawn.shape[1]))
        drawn = drawn + scale * rng.standard_normal(drawn.shape)
    rank = groups - 1 - drawn.argsort(axis=0).argsort(axis=0)
    return np.stack([(rank == r).mean(axis=1) for r in range(groups)], axis=1)
