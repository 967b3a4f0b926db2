"""Differences between groups of runs, with their two sources of error: the images and the seeds.

    SE² = A + s² (1/k + 1/k_0)

A is the image variance of a difference that does not fall with the number of seeds (`parts`), s² the variance between
seeds (`spread`), which holds what images do to one run alone. Degrees of freedom by Satterthwaite from both parts. A
is each variant's own: modules differ in how much they change, and a pool of A would be too small for the one that
changes most. Shapes: m variants, G = m + 1 groups, K seeds, B resamples; the baseline comes first; NaN where a run is
not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.parts import ImageParts, image_parts
from pipeline.evaluation.settings import Pairing
from pipeline.evaluation.spread import Spread, Variance, spread


@dataclass(frozen=True)
class Difference:
    """Of group g to group h, in AP. `rho` is h's share of the variance."""

    delta: float
    se_images: float
    se: float
    degrees_of_freedom: float
    rho: float = 0.5


@dataclass(frozen=True)
class Sample:
    """The runs of a comparison: AP, and AP in every resample of the images."""

    points: Floats  # (G, K)
    resampled: Floats  # (G, K, B)
    units: int  # images, or groups of images, that a resample draws
    pairing: Pairing = "none"

    @property
    def runs(self) -> list[int]:
        """How many runs each group has."""
        return [int(n) for n in (~np.isnan(self.points)).sum(axis=1)]

    def first(self, seeds: int) -> Sample:
        """The same with the first seeds alone."""
        return Sample(self.points[:, :seeds], self.resampled[:, :seeds], self.units, self.pairing)


@dataclass(frozen=True)
class Contrasts:
    """All that the runs say of any two groups. `spread` is None with one seed: then only images count."""

    means: Floats  # (G,)
    runs: list[int]  # (G,)
    parts: ImageParts
    spread: Spread | None

    def difference(self, g: int, h: int = 0) -> Difference:
        """Group g against group h, by default the baseline."""
        delta, se_images = float(self.means[g] - self.means[h]), self.parts.se(g, h)
        if self.spread is None:
            return Difference(delta, se_images, se_images, np.inf)
        return self._with_seeds(delta, se_images, self.parts.shared(g, h), g, h)

    def alike(self, variants: Sequence[int]) -> list[int]:
        """Those that the pool speaks for: what learnt nothing has no image variance of its own either."""
        judged = [g for g in variants if self.spread and self.spread.pools(g)]
        return [g for g in judged if self.spread and g not in self.spread.narrow] or judged

    def regular(self, variants: Sequence[int], h: int = 0) -> Difference | None:
        """A variant of the mean image variance, judged by the pool: what a critical value is made for."""
        alike = self.alike(variants)
        if not alike:
            return None
        shared = float(np.mean([self.parts.shared(g, h) for g in alike]))
        images = float(np.sqrt(np.mean([self.parts.se(g, h) ** 2 for g in alike])))
        return self._with_seeds(0.0, images, shared, alike[0], h)

    def _with_seeds(self, delta: float, se_images: float, shared: float, g: int, h: int) -> Difference:
        assert self.spread is not None
        ours, theirs = self.spread.groups[g], self.spread.groups[h]
        seeds = [Variance(ours.value / self.runs[g], ours.degrees_of_freedom)]
        seeds.append(Variance(theirs.value / self.runs[h], theirs.degrees_of_freedom))
        rho = seeds[1].value + shared / 2
        if self.spread.pools(g) and self.spread.pools(h):  # one estimate, not two
            seeds = [Variance(seeds[0].value + seeds[1].value, self.spread.pooled.degrees_of_freedom)]
        every = [Variance(shared, self.parts.degrees_of_freedom), *seeds]
        variance = sum(part.value for part in every)
        if variance <= 0:
            return Difference(delta, se_images, 0.0, np.inf)
        freedom = variance**2 / sum(part.value**2 / part.degrees_of_freedom for part in every)
        return Difference(delta, se_images, float(np.sqrt(variance)), float(freedom), float(rho / variance))


def contrasts(sample: Sample) -> Contrasts:
    """Take a sample apart."""
    runs = sample.runs
    return Contrasts(
        means=np.nanmean(sample.points, axis=1),
        runs=runs,
        parts=image_parts(sample.resampled, sample.units, sample.pairing),
        spread=spread(sample.points, sample.pairing) if min(runs) > 1 else None,
    )


def improving_pairs(baseline: Floats, variant: Floats) -> tuple[float, int]:
    """Of all pairs of a seed of the baseline and a seed of the variant, (those that improve, all); a tie is half."""
    baseline, variant = baseline[~np.isnan(baseline)], variant[~np.isnan(variant)]
    difference = variant[:, None] - baseline[None, :]
    return float((difference > 0).sum() + (difference == 0).sum() / 2), difference.size


def chance_of_pairs(wins: float, baseline_seeds: int, seeds: int, variants: int, seed: int = 0) -> float:
    """P(the best of m useless variants improves in `wins` pairs or more), from 20,000 simulated studies."""
    rng = np.random.default_rng(seed)
    baseline = rng.standard_normal((20_000, 1, 1, baseline_seeds))
    variant = rng.standard_normal((20_000, variants, seeds, 1))
    return float(((variant > baseline).sum(axis=(2, 3)).max(axis=1) >= wins).mean())


def rank_distribution(sample: Sample, found: Contrasts, seed: int) -> Floats:
    """(G, G): row g holds P(rank 1), P(rank 2), ... of group g, rank 1 being the highest AP.

    Each resample of the images gets one draw of the seeds: normal, of the variance that the group is judged by less
    what the resample has drawn already, itself drawn from its chi-square, so that three seeds count as three. With
    one seed only the images vary.
    """
    groups = len(sample.points)
    rng = np.random.default_rng(seed)
    drawn = np.nanmean(sample.resampled, axis=1)
    drawn = drawn[:, ~np.isnan(drawn).any(axis=0)]
    drawn = drawn - drawn.mean(axis=1, keepdims=True) + found.means[:, None]
    if found.spread is not None:
        freedom = found.spread.pooled.degrees_of_freedom
        left = [max(v.value - found.parts.run, 0.0) / k for v, k in zip(found.spread.groups, found.runs, strict=True)]
        scale = np.sqrt(np.array(left)[:, None] * freedom / rng.chisquare(freedom, drawn.shape[1]))
        drawn = drawn + scale * rng.standard_normal(drawn.shape)
    rank = groups - 1 - drawn.argsort(axis=0).argsort(axis=0)
    return np.stack([(rank == r).mean(axis=1) for r in range(groups)], axis=1)
