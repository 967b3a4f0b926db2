"""Standard errors, ranks and counts against hand-computed and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.evaluation.contrasts import contrasts, improving_pairs, rank_distribution, seed_variance
from pipeline.evaluation.dunnett import critical_value


def test_the_variances_add_as_evidence_md_says():
    points = np.array([[0.30, 0.32, 0.34], [0.40, 0.44, 0.42]])
    resampled = np.random.default_rng(0).normal(0.35, 0.01, (2, 3, 4000))
    found = contrasts(points, resampled)
    assert found.delta == pytest.approx([0.10])
    assert found.seed_sd == pytest.approx(0.02)  # both groups: 0.02
    assert found.degrees_of_freedom == 4
    assert found.se_images == pytest.approx([0.01 * np.sqrt(2 / 3)], rel=0.05)
    assert found.se == pytest.approx(np.sqrt(found.se_images**2 + 2 * 0.02**2 / 3))


def test_images_are_paired():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.05, 3000)  # what the choice of images does to every run alike
    resampled = images + rng.normal(0, 0.001, (3, 2, 3000))
    assert (contrasts(np.zeros((3, 2)), resampled).se_images < 0.002).all()


def test_one_seed_has_the_error_of_the_images_only():
    found = contrasts(np.array([[0.3], [0.4]]), np.random.default_rng(0).normal(0, 0.01, (2, 1, 500)))
    assert found.seed_sd is None
    assert found.degrees_of_freedom is None
    assert np.array_equal(found.se, found.se_images)


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


def test_improving_pairs_counts_every_pair_of_seeds():
    assert improving_pairs(np.array([1.0, 2.0, 3.0]), np.array([2.5, 0.5, 3.0])) == (4, 9)  # ties do not improve


def test_ranks_are_distributions_of_the_true_order():
    points = np.array([[0.30, 0.31], [0.50, 0.51], [0.40, 0.41]])
    resampled = points[:, :, None] + np.random.default_rng(0).normal(0, 0.001, (3, 2, 500))
    ranks = rank_distribution(points, resampled, seed=0)
    np.testing.assert_allclose(ranks.sum(axis=0), 1)
    np.testing.assert_allclose(ranks.sum(axis=1), 1)
    assert ranks.argmax(axis=1).tolist() == [2, 0, 1]
    assert np.diag(ranks[:, [2, 0, 1]]).min() > 0.9


def test_equal_variants_share_the_ranks():
    points = np.random.default_rng(1).permutation(12).reshape(4, 3) / 1000
    points += 0.3 - points.mean(axis=1, keepdims=True)
    ranks = rank_distribution(points, np.full((4, 3, 4000), 0.3), seed=0)
    np.testing.assert_allclose(ranks, 0.25, atol=0.05)


@pytest.mark.parametrize("pairing", ["none", "seeds"])
def test_nine_useless_variants_are_called_different_in_one_study_of_twenty(pairing):
    rng = np.random.default_rng(0)
    studies, wrong = 1500, 0
    critical = critical_value(9, 18 if pairing == "seeds" else 20, 0.05)
    same = np.zeros((10, 3, 2))  # images without influence: the error is that of the seeds alone
    for _ in range(studies):
        points = rng.normal(0, 0.005, (10, 3)) + (rng.normal(0, 0.02, 3) if pairing == "seeds" else 0)
        found = contrasts(points, same, pairing)
        wrong += bool((np.abs(found.delta) > critical * found.se).any())
    assert wrong / studies == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / studies))
