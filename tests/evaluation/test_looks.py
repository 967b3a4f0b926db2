"""Levels of the looks, what they decide, and that they keep their promises."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.contrasts import Sample
from pipeline.evaluation.looks import follow, nominal_levels

LOOKS = (3, 6, 10)


def study(rng, effects, image_sd=0.0, drawn=40):
    """AP of m + 1 groups of ten seeds with SD 1; `image_sd`: of what images do to each variant."""
    groups = len(effects) + 1
    at = rng.normal(0, 1, (groups, 10)) + np.array([0.0, *effects])[:, None] + rng.normal(0, image_sd, (groups, 1))
    resampled = at[..., None] + rng.normal(0, image_sd, (groups, 1, drawn))
    return Sample(at, resampled, 500)


def test_levels_are_those_of_the_review():
    assert nominal_levels(LOOKS, 9, 0.05) == pytest.approx((0.0003, 0.0104, 0.0454), abs=8e-4)
    assert nominal_levels((5,), 4, 0.05) == pytest.approx((0.05,), abs=2e-3)


def test_one_variant_has_the_levels_of_o_brien_and_fleming():
    """Five equally spaced looks: C = 2.040 (Jennison and Turnbull, table 2.3)."""
    from scipy import stats

    levels = nominal_levels((2, 4, 6, 8, 10), 1, 0.05)
    assert stats.norm.isf(levels[-1] / 2) == pytest.approx(2.040, abs=0.015)
    assert stats.norm.isf(levels[1] / 2) == pytest.approx(2.040 * np.sqrt(10 / 4), abs=0.02)


def test_what_is_decided_is_not_looked_at_again():
    held = follow(study(np.random.default_rng(0), [30.0, 0.0, -30.0]), LOOKS, 3, 0.05, 0.001, wanted=4.0)
    assert held[0].decisions == {1: "better", 2: "futile", 3: "worse"}
    assert len(held) == 1
    held = follow(study(np.random.default_rng(0), [30.0, 0.0]), LOOKS, 2, 0.05, 0.001, wanted=0.01)
    assert held[0].decisions[1] == "better"
    assert all(list(look.judged) == [2] for look in held[1:])
    assert [look.seeds for look in held] == [3, 6, 10]


def test_a_look_waits_for_its_seeds():
    sample = study(np.random.default_rng(0), [0.0, 0.0])
    points = sample.points.copy()
    points[0, 5:] = np.nan  # the baseline has five seeds
    held = follow(Sample(points, sample.resampled, 500), LOOKS, 2, 0.05, 0.001, wanted=0.01)
    assert [look.seeds for look in held] == [3]


def test_at_the_last_look_nothing_is_futile():
    held = follow(study(np.random.default_rng(0), [0.0, 0.0]), LOOKS, 2, 0.05, 0.001, wanted=0.01)
    assert set(held[-1].decisions.values()) == {"open"}


@pytest.mark.slow
@pytest.mark.parametrize("image_sd", [0.0, 0.5])
def test_looks_keep_the_family_wise_error(image_sd):
    rng = np.random.default_rng(1)
    studies, wrong = 400, 0
    for _ in range(studies):
        held = follow(study(rng, [0.0] * 9, image_sd), LOOKS, 9, 0.05, 0.001, wanted=2.5)
        wrong += any(d in ("better", "worse") for look in held for d in look.decisions.values())
    assert wrong / studies < 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / studies)
