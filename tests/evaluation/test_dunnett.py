"""Critical values and adjusted p against scipy's quasi-random integration, and against Student's t for one variant."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from pipeline.evaluation.dunnett import adjusted_p, critical_value

GRID = [(m, k) for m in range(1, 13) for k in range(2, 11)]


def from_scipy(m, k):
    """scipy's critical value, from the half-width of its interval; its statistics and p.

    scipy integrates quasi-randomly and searches to .001 in p, which is .02 in c where tails are heavy (k = 2, m < 4),
    and warns where it did not converge: there the median of 40 runs is taken.
    """
    rng = np.random.default_rng(m * 100 + k)
    groups = rng.normal(0, 1, (m + 1, k))
    scale = np.sqrt(groups.var(axis=1, ddof=1).mean() * 2 / k)
    halves = []
    for seed in range(40 if k == 2 and m < 4 else 1):
        result = stats.dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            interval = result.confidence_interval(0.95)
        halves.append((interval.high - interval.low)[0] / 2)
    return np.median(halves) / scale, result.statistic, result.pvalue


@pytest.mark.parametrize(("m", "k"), [(1, 3), (2, 10), (5, 3), (9, 3), (9, 5), (12, 2), (12, 10)])
def test_agrees_with_scipy(m, k):
    critical, statistic, p = from_scipy(m, k)
    df = (m + 1) * (k - 1)
    assert critical_value(m, df, 0.05) == pytest.approx(critical, abs=1e-2)
    np.testing.assert_allclose([adjusted_p(t, m, df) for t in statistic], p, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("m", "k"), GRID)
def test_agrees_with_scipy_everywhere(m, k):
    assert critical_value(m, (m + 1) * (k - 1), 0.05) == pytest.approx(from_scipy(m, k)[0], abs=1e-2)


@pytest.mark.parametrize("df", [1, 2, 5, 30, 1000])
def test_one_comparison_is_student(df):
    assert critical_value(1, df, 0.05) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-6)
    assert adjusted_p(2.5, 1, df) == pytest.approx(2 * stats.t.sf(2.5, df), rel=1e-6)


def test_known_variance_is_normal():
    assert critical_value(1, np.inf, 0.05) == pytest.approx(stats.norm.ppf(0.975), rel=1e-6)


def test_values_of_evidence_md():
    assert critical_value(9, 20, 0.05) == pytest.approx(2.94, abs=0.01)
    assert critical_value(9, 40, 0.05) == pytest.approx(2.81, abs=0.01)


@pytest.mark.parametrize(("m", "k", "k0"), [(3, 3, 6), (9, 3, 6), (5, 4, 10)])
def test_more_seeds_of_the_baseline_agree_with_scipy(m, k, k0):
    rng = np.random.default_rng(m)
    baseline, variants = rng.normal(0, 1, k0), rng.normal(0, 1, (m, k))
    result = stats.dunnett(*variants, control=baseline, rng=np.random.default_rng(0))
    df = m * (k - 1) + k0 - 1
    np.testing.assert_allclose([adjusted_p(t, m, df, k / (k + k0)) for t in result.statistic], result.pvalue, atol=2e-3)


def test_one_sided_agrees_with_scipy():
    rng = np.random.default_rng(5)
    groups = rng.normal(0, 1, (5, 4))
    result = stats.dunnett(*groups[1:], control=groups[0], alternative="greater", rng=np.random.default_rng(0))
    ours = [adjusted_p(t, 4, 15, one_sided=True) for t in result.statistic if t > 0]
    np.testing.assert_allclose(ours, result.pvalue[result.statistic > 0], atol=2e-3)
    assert critical_value(1, 20, 0.05, one_sided=True) == pytest.approx(stats.t.ppf(0.95, 20), rel=1e-6)


def test_fewer_nodes_are_enough():
    """The tabulated upper 5 % points of Dunnett (1964), two-sided, m = 9."""
    for df, expected in ((5, 4.03), (10, 3.29), (20, 2.95), (60, 2.76)):
        assert critical_value(9, df, 0.05) == pytest.approx(expected, abs=0.07)
