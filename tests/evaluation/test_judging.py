"""Intervals, equivalence by two one-sided tests, regions, exaggeration and power: closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.evaluation.contrasts import Difference
from pipeline.evaluation.judging import Family, detectable, exaggeration, judge_one, overstated, power, region


def judged(delta, se=0.001, df=30.0, m=1, equivalence=0.005):
    difference = Difference(delta, se, se, df)
    return judge_one(difference, Family.of(difference, m, 0.05), equivalence)


def test_equivalence_is_two_one_sided_tests():
    """TOST at 5 %: both one-sided t tests against the edges of the region reject, i.e. the 90 % interval is inside."""
    reach = stats.t.ppf(0.95, 30) * 0.001
    edge = 0.005 - reach
    assert judged(edge - 1e-6, se=0.0025 * 0.4).verdict in ("equivalent", "better")
    assert judged(0.0, se=0.0029, df=30.0).verdict == "equivalent"  # 1.697 * .0029 < .005 < 2.042 * .0029
    assert judged(0.0, se=0.0030, df=30.0).verdict == "not_shown"


def test_better_but_by_less_than_matters():
    row = judged(0.0025, se=0.0005)
    assert (row.verdict, row.small) == ("better", True)
    assert judged(0.02, se=0.0005).small is False


def test_the_region_is_a_t_law_about_the_difference():
    above, within, below = region(Difference(0.004, 0.001, 0.002, 12.0), 0.005)
    assert above == pytest.approx(stats.t.sf(0.5, 12))
    assert below == pytest.approx(stats.t.cdf(-4.5, 12))
    assert above + within + below == pytest.approx(1)


def test_no_width_is_no_verdict():
    row = judged(0.1, se=0.0)
    assert (row.verdict, row.p_adjusted, row.p_region) == ("not_shown", None, None)


def test_overstated_and_exaggeration_by_simulation():
    rng = np.random.default_rng(0)
    seen = 2.0 + rng.standard_normal(400_000)
    assert overstated(2.0, 2.9) == pytest.approx(seen[seen > 2.9].mean() / 2.0, rel=0.005)
    t = seen[seen > 2.9].mean()  # what studies of a true difference of 2 SE show on average
    assert exaggeration(t, 2.9) == pytest.approx(t / 2.0, rel=0.01)
    assert exaggeration(3.0, 2.9) is None  # chance alone shows as much
    assert exaggeration(12.0, 2.9) == pytest.approx(1.0, abs=1e-6)


def test_power_is_that_of_the_t_test():
    assert power(2.5, 2.1, 18) == pytest.approx(stats.nct.sf(2.1, 18, 2.5))
    assert power(detectable(2.94, 20), 2.94, 20) == pytest.approx(0.8)
    assert detectable(stats.norm.ppf(0.975), np.inf) == pytest.approx(1.959964 + 0.841621, abs=1e-5)


def test_half_of_what_eight_in_ten_studies_show_is_seldom_shown_and_then_overstated():
    d = detectable(2.94, 20) / 2
    assert 0.05 < power(d, 2.94, 20) < 0.2
    assert overstated(d, 2.94) > 1.6
