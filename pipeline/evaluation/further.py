"""Differences between variants, besides those to the baseline: a family of their own, declared before the runs.

Declared pairs are covered together by Bonferroni's t, all pairs by Tukey's studentized range. They cost the main family
nothing and are no part of it: each family has its own `alpha`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from pipeline.evaluation.contrasts import Contrasts, Difference

Declared = Sequence[Sequence[str]] | Literal["all"]


@dataclass(frozen=True)
class Further:
    """`first` less `second` in AP, its simultaneous interval and p within this family."""

    first: str
    second: str
    delta: float
    se: float
    ci_low: float
    ci_high: float
    p_adjusted: float | None


def pairs(declared: Declared, names: Sequence[str]) -> list[tuple[str, str]]:
    """(a, b) for a - b of [a, b]; (both, a), (both, b) of [both, a, b]; every pair of names of "all"."""
    if declared == "all":
        return [(b, a) for a, b in combinations(names, 2)]
    found = [(entry[0], other) for entry in declared for other in entry[1:]]
    return [pair for pair in dict.fromkeys(found) if pair[0] in names and pair[1] in names]


def further(found: Contrasts, names: Sequence[str], declared: Declared, alpha: float) -> list[Further]:
    """All declared differences of groups that have runs. `names` are the groups' names, the baseline's first."""
    wanted = pairs(declared, names)
    rows = []
    for first, second in wanted:
        difference = found.difference(names.index(first), names.index(second))
        if difference.se <= 0:
            rows.append(Further(first, second, difference.delta, 0.0, difference.delta, difference.delta, None))
            continue
        critical, p = _tukey(difference, len(names), alpha) if declared == "all" else _t(difference, len(wanted), alpha)
        half = critical * difference.se
        rows.append(
            Further(first, second, difference.delta, difference.se, difference.delta - half, difference.delta + half, p)
        )
    return rows


def _t(difference: Difference, comparisons: int, alpha: float) -> tuple[float, float]:
    law = stats.t(difference.degrees_of_freedom)
    p = 2 * law.sf(abs(difference.delta) / difference.se) * comparisons
    return float(law.ppf(1 - alpha / 2 / comparisons)), float(min(p, 1.0))


def _tukey(difference: Difference, groups: int, alpha: float) -> tuple[float, float]:
    freedom = min(difference.degrees_of_freedom, 1e5)
    t = abs(difference.delta) / difference.se
    critical = stats.studentized_range.ppf(1 - alpha, groups, freedom) / np.sqrt(2)
    return float(critical), float(stats.studentized_range.sf(t * np.sqrt(2), groups, freedom))
