"""From a difference to what may be said of it: interval, p, region, verdict, exaggeration.

All m variants are judged together: an interval is wide enough for all of them (Dunnett), and so are the two one-sided
tests of equivalence. A variant of the pool's spread has the critical value of its family; one that is judged by its own
spread has that of its own degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from pipeline.evaluation.contrasts import Contrasts, Difference
from pipeline.evaluation.dunnett import adjusted_p, critical_value
from pipeline.evaluation.verdicts import Verdict, verdict


@dataclass(frozen=True)
class Judged:
    """One difference with its interval; `p_region` is P(above, within, below the region of equivalence)."""

    difference: Difference
    critical_value: float
    ci_low: float
    ci_high: float
    p_adjusted: float | None
    p_region: tuple[float, float, float] | None
    verdict: Verdict
    small: bool  # better or worse, but by less than matters
    exaggeration: float | None  # of a difference that is shown; None too where luck alone could explain its size


@dataclass(frozen=True)
class Family:
    """The law that the family's differences share: m, degrees of freedom, rho, alpha."""

    comparisons: int
    alpha: float
    degrees_of_freedom: float
    rho: float

    @staticmethod
    def of(difference: Difference, comparisons: int, alpha: float) -> Family:
        return Family(comparisons, alpha, difference.degrees_of_freedom, difference.rho)

    @property
    def critical(self) -> float:
        """Two-sided, for intervals."""
        return critical_value(self.comparisons, self.degrees_of_freedom, self.alpha, self.rho)

    @property
    def one_sided(self) -> float:
        """For each of the two tests of equivalence."""
        return critical_value(self.comparisons, self.degrees_of_freedom, self.alpha, self.rho, one_sided=True)

    def p(self, t: float) -> float:
        return adjusted_p(t, self.comparisons, self.degrees_of_freedom, self.rho)


def judge(
    found: Contrasts, variants: Sequence[int], comparisons: int, alpha: float, equivalence: float
) -> tuple[Family | None, dict[int, Judged]]:
    """The family's law, and each of these variants against the baseline, at `alpha` for all `comparisons` together."""
    regular = found.regular(variants)
    family = Family.of(regular, comparisons, alpha) if regular else None
    judged = {}
    for g in variants:
        difference = found.difference(g)
        own = family
        if own is None or (found.spread and not found.spread.pools(g)):
            own = Family.of(difference, comparisons, alpha)
        judged[g] = judge_one(difference, own, equivalence)
    return family, judged


def judge_one(difference: Difference, family: Family, equivalence: float) -> Judged:
    """An interval without width comes from runs that do not vary at all, as those that find nothing do: not shown."""
    delta, se, critical = difference.delta, difference.se, family.critical
    low, high = delta - critical * se, delta + critical * se
    if se <= 0:
        return Judged(difference, critical, low, high, None, None, "not_shown", False, None)
    inner = (delta - family.one_sided * se, delta + family.one_sided * se)
    found = verdict(low, high, equivalence, inner)
    return Judged(
        difference=difference,
        critical_value=critical,
        ci_low=low,
        ci_high=high,
        p_adjusted=family.p(delta / se),
        p_region=region(difference, equivalence),
        verdict=found,
        small=found in ("better", "worse") and -equivalence < inner[0] and inner[1] < equivalence,
        exaggeration=exaggeration(abs(delta) / se, critical) if found in ("better", "worse") else None,
    )


def region(difference: Difference, equivalence: float) -> tuple[float, float, float]:
    """P(above, within, below ±equivalence): of the true difference, all being as likely beforehand; not adjusted for
    m.
    """
    edges = np.array([equivalence - difference.delta, equivalence + difference.delta]) / difference.se
    above, below = stats.t.sf(edges, difference.degrees_of_freedom).tolist()
    return above, max(1 - above - below, 0.0), below


def overstated(d: float, critical: float) -> float:
    """By how much a true difference of `d` SE is overstated, on average, in those studies that show it.

    The type M error of Gelman and Carlin, Perspectives on Psychological Science 9 (2014), with the SE taken as known.
    """
    shown = stats.norm.sf(critical - d)
    return float((d + stats.norm.pdf(critical - d) / shown) / d)


def exaggeration(t: float, critical: float) -> float | None:
    """How much a shown difference of `t` SE is likely to be overstated: t over the true d whose studies, where they
    show it, show t on average (Zhong and Prentice, Biostatistics 9 (2008)). None where even d = 0 would show as much.
    """
    least = 1e-6
    if least * overstated(least, critical) >= t:
        return None
    d = brentq(lambda d: d * overstated(d, critical) - t, least, t)
    return float(t / d)


def power(d: float, critical: float, degrees_of_freedom: float) -> float:
    """P(a true difference of d SE is shown, in its direction)."""
    if np.isinf(degrees_of_freedom):
        return float(stats.norm.sf(critical - d))
    return float(stats.nct.sf(critical, degrees_of_freedom, d))


def detectable(critical: float, degrees_of_freedom: float, wanted: float = 0.8) -> float:
    """The true difference, in SE, that is shown with a power of `wanted`."""
    return float(brentq(lambda d: power(d, critical, degrees_of_freedom) - wanted, 0.0, 4 * critical + 4))
