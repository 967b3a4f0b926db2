"""Dunnett's test of m variants against one baseline, all m variants with equal numbers of seeds.

C. W. Dunnett, A multiple comparison procedure for comparing several treatments with a control, JASA 50 (1955). The
differences share the baseline: T_i = (sqrt(1 - rho) Z_i + sqrt(rho) Z_0) / S with independent standard normal Z, S² a
chi-square over its degrees of freedom, and rho the baseline's share of the variance of a difference: 1/2 where all
groups have k seeds, k / (k + k_0) where the baseline has k_0. Integrating over Z_0 and S leaves a power of one normal
probability. Both integrands are smooth and die out, so the trapezoid rule is exact to many digits.
scipy.stats.dunnett has the same law from quasi-random integration, which is slower and changes from call to call.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr

from pipeline.evaluation.boxes import Floats

_SHARED = np.linspace(-8.5, 8.5, 61)  # Z_0
_DENSITY = np.exp(-(_SHARED**2) / 2) / np.sqrt(2 * np.pi) * (_SHARED[1] - _SHARED[0])


@cache
def critical_value(
    comparisons: int, degrees_of_freedom: float, alpha: float, rho: float = 0.5, one_sided: bool = False
) -> float:
    """c with P(max |T_i| <= c) = 1 - alpha; `one_sided`: P(max T_i <= c).

    Known variance: infinite degrees of freedom.
    """

    def excess(c: float) -> float:
        return adjusted_p(c, comparisons, degrees_of_freedom, rho, one_sided) - alpha

    tail = alpha if one_sided else alpha / 2
    alone, bonferroni = stats.t.isf([tail, tail / comparisons], degrees_of_freedom)  # c lies between
    return float(brentq(excess, 0.98 * alone, 1.02 * bonferroni, xtol=1e-9))


def adjusted_p(
    t: float, comparisons: int, degrees_of_freedom: float, rho: float = 0.5, one_sided: bool = False
) -> float:
    """P(max |T_i| > |t|) where nothing differs: the p of one of m comparisons, adjusted for all."""
    scale, weight = _scales(degrees_of_freedom)
    bound = abs(t) * scale[:, None] / np.sqrt(1 - rho)
    shared = _SHARED * np.sqrt(rho / (1 - rho))
    inside = ndtr(bound - shared) - (0 if one_sided else ndtr(-bound - shared))  # (scales, shared)
    return float(np.clip(1 - weight @ inside**comparisons @ _DENSITY, 0.0, 1.0))


@cache
def _scales(degrees_of_freedom: float) -> tuple[Floats, Floats]:
    """Nodes and weights for S = sqrt(chi² / df), on the logarithm of S; (N,) each."""
    if np.isinf(degrees_of_freedom):
        return np.ones(1), np.ones(1)
    half = degrees_of_freedom / 2
    spread = 12 / np.sqrt(degrees_of_freedom)
    x = np.linspace(-spread * 2, min(spread, 4.0), 200)
    log_density = np.log(2) + half * np.log(half) - gammaln(half) + degrees_of_freedom * x - half * np.exp(2 * x)
    weight = np.exp(log_density)
    return np.exp(x), weight / weight.sum()
