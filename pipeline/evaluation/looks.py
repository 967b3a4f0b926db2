"""Adaptive seeds: a study that was declared to be judged several times, and to go on only with what is undecided.

At a look all open variants have k seeds. Each is judged with Dunnett's law of all m variants of the study, at a
nominal level of that look: 2 (1 - Phi(C sqrt(K / k))), the shape of O'Brien and Fleming (Biometrics 35, 1979), with C
such that m useless variants are all left alone, at all looks together, with probability 1 - alpha. C comes from a
simulation with a fixed seed in which only seeds vary; variance of the images, which more seeds do not change, makes
looks more alike and the error smaller. The intervals at these levels are repeated confidence intervals (Jennison and
Turnbull, 1989): all hold at all looks together, so a verdict needs no other rule than without looks, and stopping for
futility costs no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from pipeline.evaluation.contrasts import Contrasts, Sample, contrasts
from pipeline.evaluation.dunnett import adjusted_p
from pipeline.evaluation.judging import Family, Judged, judge

DRAWS, SEED = 100_000, 0
FUTILE_Z = 1.96  # delta + 1.96 SE below what is wanted

Decision = Literal["better", "worse", "equivalent", "futile", "open"]


@dataclass(frozen=True)
class Held:
    """One look that was held; keys are groups. `found` is what its runs say."""

    seeds: int
    alpha: float
    found: Contrasts
    family: Family | None
    judged: dict[int, Judged]
    decisions: dict[int, Decision]


@cache
def nominal_levels(looks: tuple[int, ...], comparisons: int, alpha: float) -> tuple[float, ...]:
    """The level of each look, from its numbers of seeds, rising."""
    rng = np.random.default_rng(SEED)
    total, before, p = np.zeros((DRAWS, comparisons + 1)), 0, []
    grid = np.linspace(0, 9, 500)
    table = [adjusted_p(t, comparisons, np.inf) for t in grid]
    for k in looks:
        total += rng.normal(0, np.sqrt(k - before), total.shape)
        before = k
        p.append(np.interp(np.abs(total[:, 1:] - total[:, :1]).max(axis=1) / np.sqrt(2 * k), grid, table))
    shape = np.sqrt(looks[-1] / np.array(looks))
    z = stats.norm.isf(np.array(p) / 2)  # (looks, draws): the adjusted p as one normal
    c = brentq(lambda c: (z > c * shape[:, None]).any(axis=0).mean() - alpha, 0.5, 6.0, xtol=1e-4)
    return tuple((2 * stats.norm.sf(c * shape)).tolist())


def follow(
    sample: Sample, looks: Sequence[int], comparisons: int, alpha: float, equivalence: float, wanted: float | None
) -> list[Held]:
    """The looks that the runs at hand allow, in order; `comparisons` is m of the whole study.

    A look is held where the baseline and some open variant have all its seeds. Without `looks`, one is held with all
    there is.
    """
    if not looks:
        found = contrasts(sample)
        return [_held(found, range(1, len(sample.points)), min(found.runs), comparisons, alpha, equivalence, None)]
    held: list[Held] = []
    undecided = list(range(1, len(sample.points)))
    for k, level in zip(looks, nominal_levels(tuple(looks), comparisons, alpha), strict=True):
        here = sample.first(k)
        now = [g for g in undecided if here.runs[g] == k]
        if here.runs[0] < k or not now:
            break
        last = wanted if k < looks[-1] else None
        held.append(_held(contrasts(here), now, k, comparisons, level, equivalence, last))
        undecided = [g for g, decision in held[-1].decisions.items() if decision == "open"]
    return held


def _held(
    found: Contrasts,
    variants: Sequence[int],
    seeds: int,
    comparisons: int,
    alpha: float,
    equivalence: float,
    wanted: float | None,
) -> Held:
    family, judged = judge(found, variants, comparisons, alpha, equivalence)
    decisions: dict[int, Decision] = {g: _decided(row, wanted) for g, row in judged.items()}
    return Held(seeds, alpha, found, family, judged, decisions)


def _decided(row: Judged, wanted: float | None) -> Decision:
    if row.verdict in ("better", "worse", "equivalent"):
        return row.verdict
    if wanted is not None and row.difference.delta + FUTILE_Z * row.difference.se < wanted:
        return "futile"
    return "open"
