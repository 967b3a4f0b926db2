"""Standard errors, ranks and counts against hand-computed, published and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.evaluation.contrasts import Sample, chance_of_pairs, contrasts, improving_pairs, rank_distribution
from pipeline.evaluation.judging import judge
from pipeline.evaluation.parts import image_parts

# Van Dyke's data (5 readers, 2 modalities, 114 cases), the standard example of multi-reader analysis: areas under the
# curve by the trapezoid rule, and their covariances by the jackknife, as published with MRMCaov and RJafroc.
VAN_DYKE = np.array(
    [
        [0.91964573, 0.85877618, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
VAR, COV1, COV2, COV3 = 8.022883e-4, 3.466137e-4, 3.440748e-4, 2.390284e-4


def exact(covariance, means, draws=4000):
    """Resamples (G, K, B) whose covariance, as numpy computes it, is the given one."""
    raw = np.random.default_rng(0).standard_normal((len(covariance), draws))
    raw -= raw.mean(axis=1, keepdims=True)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(raw)), raw)
    return (np.linalg.cholesky(covariance) @ white).reshape(*means.shape, draws) + means[..., None]


def van_dyke():
    reader, modality = np.arange(10) % 5, np.arange(10) // 5
    same_reader, same_modality = reader[:, None] == reader, modality[:, None] == modality
    covariance = np.select([same_reader & same_modality, same_reader, same_modality], [VAR, COV1, COV2], COV3)
    return Sample(VAN_DYKE, exact(covariance, VAN_DYKE), units=10**9, pairing="seeds")


def test_obuchowski_rockette_as_published():
    """F 4.4563, 15.26 degrees of freedom, p .0517 for readers and cases random."""
    found = contrasts(van_dyke()).difference(1)
    f = (found.delta / found.se) ** 2
    assert found.delta == pytest.approx(0.0438, abs=1e-4)
    assert f == pytest.approx(4.4563, abs=2e-3)
    assert found.degrees_of_freedom == pytest.approx(15.26, abs=0.01)
    assert stats.f.sf(f, 1, found.degrees_of_freedom) == pytest.approx(0.0517, abs=2e-4)


def test_the_parts_are_the_covariances():
    parts = image_parts(van_dyke().resampled, 10**9, "seeds")
    assert parts.within == pytest.approx([COV2, COV2])
    assert parts.between[0, 1] == pytest.approx(COV3)
    assert parts.run == pytest.approx(VAR - COV1 - COV2 + COV3)
    nested = image_parts(van_dyke().resampled, 10**9)
    assert nested.between[0, 1] == pytest.approx((COV1 + 4 * COV3) / 5)
    assert nested.run == pytest.approx(VAR - COV2)


def test_the_image_noise_of_a_run_is_counted_once():
    points = np.array([[0.30, 0.32, 0.34], [0.40, 0.44, 0.42]])
    resampled = np.random.default_rng(0).normal(0.35, 0.01, (2, 3, 4000))  # nothing is shared: A is 0
    found = contrasts(Sample(points, resampled, 500))
    difference = found.difference(1)
    assert difference.delta == pytest.approx(0.10)
    assert found.spread.pooled.value == pytest.approx(0.02**2)
    assert difference.se_images == pytest.approx(0.01 * np.sqrt(2 / 3), rel=0.05)
    assert difference.se == pytest.approx(0.02 * np.sqrt(2 / 3), rel=0.03)
    assert found.parts.run == pytest.approx(0.01**2, rel=0.05)


def test_satterthwaite_counts_images_and_seeds():
    """By hand: A = 2 * .01² with 19 degrees of freedom, 2 s² / k = 2 * .02² / 3 with 4."""
    points = np.array([[0.30, 0.32, 0.34], [0.40, 0.44, 0.42]])
    of_variants = np.kron(np.eye(2), np.ones((3, 3))) * 0.01**2 * 19 / 20 + np.eye(6) * 1e-12
    found = contrasts(Sample(points, exact(of_variants, points), 20)).difference(1)
    a, b = 2 * 0.01**2, 2 * 0.02**2 / 3
    assert found.se == pytest.approx(np.sqrt(a + b), rel=1e-4)
    assert found.degrees_of_freedom == pytest.approx((a + b) ** 2 / (a**2 / 19 + b**2 / 4), rel=1e-4)


def test_images_are_paired():
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.05, 3000)  # what the choice of images does to every run alike
    resampled = images + rng.normal(0, 0.001, (3, 2, 3000))
    found = contrasts(Sample(np.zeros((3, 2)), resampled, 500))
    assert max(found.difference(g).se_images for g in (1, 2)) < 0.002


def test_one_seed_has_the_error_of_the_images_only():
    sample = Sample(np.array([[0.3], [0.4]]), np.random.default_rng(0).normal(0, 0.01, (2, 1, 500)), 100)
    found = contrasts(sample)
    assert found.spread is None
    difference = found.difference(1)
    assert difference.se == difference.se_images == pytest.approx(0.01 * np.sqrt(2), rel=0.1)
    assert np.isinf(difference.degrees_of_freedom)


def test_more_seeds_of_the_baseline_make_every_interval_narrower():
    points = np.full((4, 6), np.nan)
    points[0] = np.random.default_rng(0).normal(0, 1, 6)
    points[1:, :3] = np.random.default_rng(1).normal(0, 1, (3, 3))
    resampled = np.repeat(points[..., None], 50, axis=2)  # images without influence
    found = contrasts(Sample(points, resampled, 100))
    s2 = (5 * points[0].var(ddof=1) + 2 * points[1:, :3].var(axis=1, ddof=1).sum()) / 11
    assert found.difference(1).se == pytest.approx(np.sqrt(s2 * (1 / 3 + 1 / 6)))
    assert found.difference(1).degrees_of_freedom == pytest.approx(11)
    assert found.difference(1).rho == pytest.approx(1 / 3)
    _, judged = judge(found, [1, 2, 3], 3, 0.05, 0.005)
    theirs = stats.dunnett(*points[1:, :3], control=points[0], rng=np.random.default_rng(0))
    assert [judged[g].p_adjusted for g in (1, 2, 3)] == pytest.approx(theirs.pvalue.tolist(), abs=3e-3)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose([judged[g].ci_low for g in (1, 2, 3)], interval.low, atol=0.03)


def test_improving_pairs_counts_every_pair_of_seeds():
    assert improving_pairs(np.array([1.0, 2.0, 3.0]), np.array([2.5, 0.5, 3.0])) == (4.5, 9)  # a tie is half
    same = np.array([0.1, 0.2, 0.3])
    assert improving_pairs(same, same) == (4.5, 9)


def test_how_often_the_best_useless_variant_wins():
    assert chance_of_pairs(9, 3, 3, 1) == pytest.approx(1 / 20, abs=0.005)  # 3! 3! / 6! orders of six runs
    assert chance_of_pairs(8, 3, 3, 10) == pytest.approx(0.40, abs=0.02)  # as the review of the first version found
    assert chance_of_pairs(0, 3, 3, 5) == 1


def test_ranks_are_distributions_of_the_true_order():
    points = np.array([[0.30, 0.31], [0.50, 0.51], [0.40, 0.41]])
    resampled = points[:, :, None] + np.random.default_rng(0).normal(0, 0.001, (3, 2, 500))
    sample = Sample(points, resampled, 200)
    ranks = rank_distribution(sample, contrasts(sample), seed=0)
    np.testing.assert_allclose(ranks.sum(axis=0), 1)
    np.testing.assert_allclose(ranks.sum(axis=1), 1)
    assert ranks.argmax(axis=1).tolist() == [2, 0, 1]
    assert np.diag(ranks[:, [2, 0, 1]]).min() > 0.9


def test_equal_variants_share_the_ranks():
    points = np.random.default_rng(1).permutation(12).reshape(4, 3) / 1000
    points += 0.3 - points.mean(axis=1, keepdims=True)
    sample = Sample(points, np.full((4, 3, 4000), 0.3), 200)
    np.testing.assert_allclose(rank_distribution(sample, contrasts(sample), seed=0), 0.25, atol=0.05)


@pytest.mark.parametrize("pairing", ["none", "seeds"])
def test_nine_useless_variants_are_called_different_in_one_study_of_twenty(pairing):
    rng = np.random.default_rng(0)
    studies, wrong = 300, 0
    same = np.zeros((10, 3, 2))  # images without influence: the error is that of the seeds alone
    for _ in range(studies):
        points = rng.normal(0, 0.005, (10, 3)) + (rng.normal(0, 0.02, 3) if pairing == "seeds" else 0)
        _, judged = judge(contrasts(Sample(points, same, 100, pairing)), list(range(1, 10)), 9, 0.05, 1e-6)
        wrong += any(row.verdict in ("better", "worse") for row in judged.values())
    assert wrong / studies == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / studies))
