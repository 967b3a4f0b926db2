"""The variance between seeds, pooled over the groups that are alike in it.

Three seeds alone say little of a variance, ten groups of three say enough: so it is pooled. A pool is only right for
groups that are alike, so each is tested against the others (F, Bonferroni over the groups), wide ones first, until
none is an outlier. One that varies more leaves the pool and is judged by its own variance. One that varies less (a
detector that learnt nothing) leaves the pool too, which it would make too small, and is judged by the pool.

The baseline has a part in every comparison, so whether it varies more is tested at 10 %, last: a false alarm makes
intervals wider, a miss makes them too narrow, all of them.

`pairing: seeds` is a randomised block design: cells of one seed share their random numbers, so what a seed does to
all groups cancels in a difference. It is fitted as groups + seeds, and what is said of a group here is said of its
residuals.

Shapes: G groups (the baseline first), K seeds; NaN where a group has no run of a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.settings import Pairing

LEVEL = 0.01  # of the tests, all groups or all seeds together
BASELINE_LEVEL = 0.10  # of the test whether the baseline varies more, one-sided
LARGE_RATIO = 4.0  # of variances: a baseline beyond it is named even where the test is not sure


@dataclass(frozen=True)
class Variance:
    """A variance and its degrees of freedom."""

    value: float
    degrees_of_freedom: float


@dataclass(frozen=True)
class Spread:
    """`groups` is the variance that each group is judged by; `ratios` that of its own to the others'."""

    pooled: Variance
    groups: tuple[Variance, ...]
    ratios: tuple[float, ...]  # NaN where the others are too few to tell
    wide: tuple[int, ...]  # judged by their own
    narrow: tuple[int, ...]  # left out of the pool

    def pools(self, group: int) -> bool:
        return group not in self.wide


def seed_variance(points: Floats, pairing: Pairing = "none") -> tuple[float, int]:
    """s² and its degrees of freedom from (G, K), all groups pooled; needs two seeds.

    "none": within groups. "seeds": the residual of groups + seeds. Var(difference of means) is 2 s² / k in both.
    """
    fit = _Fit.of(points, range(len(points)), pairing)
    return fit.sum_of_squares / fit.degrees_of_freedom, fit.degrees_of_freedom


def spread(points: Floats, pairing: Pairing = "none") -> Spread:
    """Pool what is alike. Needs two seeds of some group."""
    pool = list(range(len(points)))
    wide: list[int] = []
    narrow: list[int] = []
    level = LEVEL / len(points)
    ratios: dict[int, float] = {}
    while tests := list(_tests(points, pool, pairing)):
        ratios |= {test.group: test.ratio for test in tests}
        # Wide ones first: beside a wide group the others look narrow.
        worst = min(tests, key=lambda test: (test.p >= level or test.ratio < 1, test.p, -test.ratio))
        if worst.p >= level:
            break
        pool.remove(worst.group)
        (wide if worst.ratio > 1 else narrow).append(worst.group)
    if any(test.group == 0 and test.ratio > 1 and test.p < 2 * BASELINE_LEVEL for test in tests):
        pool.remove(0)
        wide.append(0)
    fit = _Fit.of(points, pool, pairing)
    pooled = Variance(fit.sum_of_squares / fit.degrees_of_freedom, fit.degrees_of_freedom)
    groups = tuple(_own(points, g, fit, pairing) if g in wide else pooled for g in range(len(points)))
    listed = tuple(ratios.get(g, float("nan")) for g in range(len(points)))
    return Spread(pooled, groups, listed, tuple(sorted(wide)), tuple(sorted(narrow)))


def far_seeds(points: Floats, pairing: Pairing = "none") -> list[tuple[int, int]]:
    """(group, position of the seed) of runs that are far from their siblings.

    In each group of three seeds or more, the run farthest from the median of its group is set against the mean of its
    siblings, in units of the spread of all other groups: t with their degrees of freedom, two-sided, at LEVEL by
    Bonferroni over all runs.
    """
    found = []
    runs = int((~np.isnan(points)).sum())
    for g in range(len(points)):
        rest = [h for h in range(len(points)) if h != g]
        fit = _Fit.of(points, rest, pairing)
        residual = points[g] - fit.seeds
        k = int((~np.isnan(residual)).sum())
        if k < 3 or fit.degrees_of_freedom < 1 or fit.sum_of_squares <= 0:
            continue
        farthest = int(np.nanargmax(np.abs(residual - np.nanmedian(residual))))
        siblings = np.delete(residual, farthest)
        variance = fit.sum_of_squares / fit.degrees_of_freedom
        error = variance * (1 + 1 / (k - 1)) * (1 + fit.error_of_seeds)
        t = abs(residual[farthest] - np.nanmean(siblings)) / np.sqrt(error)
        if 2 * special.stdtr(fit.degrees_of_freedom, -t) * runs < LEVEL:
            found.append((g, farthest))
    return found


@dataclass(frozen=True)
class _Test:
    group: int
    p: float  # two-sided
    ratio: float  # of the group's variance to the others'


def _tests(points: Floats, pool: Sequence[int], pairing: Pairing) -> Iterator[_Test]:
    for g in pool if len(pool) > 1 else ():
        rest = _Fit.of(points, [h for h in pool if h != g], pairing)
        own = _about_seeds(points, g, rest)
        if own.degrees_of_freedom < 1 or rest.degrees_of_freedom < 1 or rest.sum_of_squares <= 0:
            continue
        ratio = own.value / (rest.sum_of_squares / rest.degrees_of_freedom * (1 + rest.error_of_seeds))
        freedoms = own.degrees_of_freedom, rest.degrees_of_freedom
        p = 2 * min(special.fdtr(*freedoms, ratio), special.fdtrc(*freedoms, ratio))
        yield _Test(g, float(p), float(ratio))


def _own(points: Floats, group: int, pool: _Fit, pairing: Pairing) -> Variance:
    """The group's own variance, without what the estimated effects of seeds add to it."""
    own = _about_seeds(points, group, pool)
    excess = pool.sum_of_squares / pool.degrees_of_freedom * pool.error_of_seeds if pairing == "seeds" else 0.0
    return Variance(max(own.value - excess, 0.0), own.degrees_of_freedom)


def _about_seeds(points: Floats, group: int, fit: _Fit) -> Variance:
    residual = points[group] - fit.seeds
    k = int((~np.isnan(residual)).sum())
    return Variance(float(np.nanvar(residual, ddof=1)) if k > 1 else 0.0, k - 1)


@dataclass(frozen=True)
class _Fit:
    """Groups + seeds ("seeds") or groups alone ("none"), fitted to some of the groups by least squares."""

    sum_of_squares: float
    degrees_of_freedom: int
    seeds: Floats  # (K,) what each seed does to these groups; 0 without pairing, NaN where none of them has it
    error_of_seeds: float  # variance of such an effect, in units of s²

    @staticmethod
    def of(points: Floats, groups: Sequence[int], pairing: Pairing) -> _Fit:
        some = points[list(groups)]
        there = ~np.isnan(some)
        row, column = np.nonzero(there)
        if pairing == "none":
            squares = float(np.nansum((some - np.nanmean(some, axis=1, keepdims=True)) ** 2))
            return _Fit(squares, len(row) - len(some), np.zeros(points.shape[1]), 0.0)
        design = np.hstack([row[:, None] == np.arange(len(some)), column[:, None] == np.arange(points.shape[1])])
        solution, _, rank, _ = np.linalg.lstsq(design.astype(float), some[there], rcond=None)
        squares = float(((some[there] - design @ solution) ** 2).sum())
        counts = there.sum(axis=0)
        seeds = np.where(counts > 0, solution[len(some) :], np.nan)
        return _Fit(squares, len(row) - int(rank), seeds, float(np.mean(1 / counts[counts > 0])))
