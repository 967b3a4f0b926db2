"""What is pooled, what leaves the pool, and which seed is far from its siblings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.evaluation.spread import far_seeds, seed_variance, spread


def test_pooled_variance_is_that_of_one_way_anova():
    points = np.random.default_rng(3).normal(0, 1, (5, 4))
    variance, df = seed_variance(points)
    between = 4 * points.mean(axis=1).var(ddof=1)
    assert between / variance == pytest.approx(stats.f_oneway(*points).statistic)
    assert df == 15


def test_paired_variance_with_one_variant_is_the_paired_t_test():
    points = np.random.default_rng(4).normal(0, 1, (2, 6))
    variance, df = seed_variance(points, "seeds")
    t = (points[1] - points[0]).mean() / np.sqrt(2 * variance / 6)
    assert t == pytest.approx(stats.ttest_rel(points[1], points[0]).statistic)
    assert df == 5


def test_what_a_seed_does_to_all_variants_cancels_in_pairs():
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 1, 4)
    points = shared + rng.normal(0, 0.01, (3, 4))
    assert seed_variance(points, "seeds")[0] < 0.001 < 0.1 < seed_variance(points)[0]


def test_pairs_that_are_missing_are_left_to_least_squares():
    """Degrees of freedom of an unbalanced additive model: runs - groups - seeds + 1."""
    points = np.random.default_rng(6).normal(0, 1, (4, 5))
    points[2:, 3:] = np.nan
    assert seed_variance(points, "seeds")[1] == 16 - 4 - 5 + 1
    assert seed_variance(points, "none")[1] == 16 - 4


@pytest.mark.parametrize("pairing", ["none", "seeds"])
def test_a_wide_group_is_judged_by_its_own_spread_and_a_narrow_one_by_the_others(pairing):
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.01, (10, 6))
    points[3] *= 20
    alike = spread(np.delete(points, 3, axis=0), pairing)
    found = spread(points, pairing)
    assert found.wide == (3,)
    assert found.pooled == alike.pooled
    assert found.groups[3].value == pytest.approx(points[3].var(ddof=1), rel=0.2)
    assert found.groups[3].degrees_of_freedom == 5
    assert found.ratios[3] > 100
    points = rng.normal(0, 0.01, (10, 6))
    if pairing == "none":  # in pairs a collapsed group shows what the others' seeds do
        points[[2, 5, 7]] *= 1e-4
        found = spread(points)
        assert found.narrow == (2, 5, 7)
        assert found.groups[2] == found.pooled
        assert found.pooled == spread(np.delete(points, [2, 5, 7], axis=0)).pooled


def test_equal_variants_seldom_leave_the_pool():
    rng = np.random.default_rng(1)
    left = [spread(rng.normal(0, 1, (10, 3))) for _ in range(300)]
    assert np.mean([any(g > 0 for g in (*found.wide, *found.narrow)) for found in left]) < 0.03


def test_the_baseline_is_judged_by_its_own_spread_where_it_varies_more_at_ten_percent():
    points = np.random.default_rng(0).normal(0, 0.01, (6, 4))
    least = np.sqrt(stats.f.isf(0.10, 3, 15) * seed_variance(points[1:])[0] / np.var([-3, -1, 1, 3], ddof=1))
    points[0] = np.array([-3, -1, 1, 3]) * least * 1.001
    found = spread(points)
    assert found.wide == (0,)
    assert found.pooled.value == pytest.approx(np.mean(points[1:].var(axis=1, ddof=1)))
    assert (found.groups[0].value, found.groups[0].degrees_of_freedom) == (pytest.approx(points[0].var(ddof=1)), 3)
    assert found.ratios[0] == pytest.approx(points[0].var(ddof=1) / found.pooled.value)
    points[0] *= 0.998
    assert spread(points).wide == ()
    assert spread(points).groups[0].degrees_of_freedom == 18


def test_a_baseline_is_not_wide_beside_variants_that_learnt_nothing():
    points = np.random.default_rng(0).normal(0, 0.01, (10, 6))
    points[0] *= 1.3 * np.sqrt(seed_variance(points[1:5])[0] / points[0].var(ddof=1))
    points[5:] *= 1e-4
    assert spread(points).narrow == (5, 6, 7, 8, 9)
    assert spread(points).wide == ()


@pytest.mark.parametrize("pairing", ["none", "seeds"])
def test_a_diverged_seed_is_found_and_its_siblings_are_not(pairing):
    points = np.random.default_rng(3).normal(0.3, 0.01, (6, 3))
    assert far_seeds(points, pairing) == []
    points[4, 1] = 0.05
    assert far_seeds(points, pairing) == [(4, 1)]


def test_two_seeds_cannot_say_which_of_them_diverged():
    points = np.random.default_rng(2).normal(0.3, 0.01, (6, 2))
    points[4, 1] = 0.05
    assert far_seeds(points) == []
