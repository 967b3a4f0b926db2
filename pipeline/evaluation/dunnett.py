"""Dunnett's two-sided test of m variants against one baseline, all with equal groups.

C. W. Dunnett, A multiple comparison procedure for comparing several treatments with a control, JASA 50 (1955). The
differences share the baseline, hence correlation 1/2: T_i = (Z_i + Z_0) / (sqrt(2) S) with independent standard
normal Z and S² a chi-square over its degrees of freedom. Integrating over Z_0 and S leaves a power of one normal
probability. Both integrands are smooth and die out, so the trapezoid rule is exact to many digits.
scipy.stats.dunnett has the same law from quasi-random integration, which is slower and changes from call to call.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, ndtr

from pipeline.evaluation.boxes import Floats

_SHARED = np.linspace(-8.5, 8.5, 137)  # Z_0


@cache
def critical_value(comparisons: int, degrees_of_freedom: float, alpha: float) -> float:
    """c with P(max |T_i| <= c) = 1 - alpha. `degrees_of_freedom` may be infinite: a known variance."""
    return float(brentq(lambda c: adjusted_p(c, comparisons, degrees_of_freedom) - alpha, 1e-3, 1e4, xtol=1e-9))


def adjusted_p(t: float, comparisons: int, degrees_of_freedom: float) -> float:
    """P(max |T_i| > |t|) where nothing differs: the p of one of m comparisons, adjusted for all."""
    scale, weight = _scales(degrees_of_freedom)
    bound = np.sqrt(2) * abs(t) * scale[:, None]
    inside = (ndtr(bound - _SHARED) - ndtr(-bound - _SHARED)) ** comparisons  # (scales, shared)
    density = np.exp(-(_SHARED**2) / 2) / np.sqrt(2 * np.pi) * (_SHARED[1] - _SHARED[0])
    return float(np.clip(1 - weight @ inside @ density, 0.0, 1.0))


@cache
def _scales(degrees_of_freedom: float) -> tuple[Floats, Floats]:
    """Nodes and weights for S = sqrt(chi² / df), on the logarithm of S; (N,) each."""
    if np.isinf(degrees_of_freedom):
        return np.ones(1), np.ones(1)
    half = degrees_of_freedom / 2
    spread = 12 / np.sqrt(degrees_of_freedom)
    x = np.linspace(-spread * 2, min(spread, 4.0), 400)
    log_density = np.log(2) + half * np.log(half) - gammaln(half) + degrees_of_freedom * x - half * np.exp(2 * x)
    weight = np.exp(log_density)
    return np.exp(x), weight / weight.sum()
