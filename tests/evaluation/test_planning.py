"""Planning agrees with the study at hand, and the cheapest plan is the cheapest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.common.errors import UserError
from pipeline.evaluation import Settings, plan_power
from pipeline.evaluation.contrasts import Sample, contrasts
from pipeline.evaluation.dunnett import critical_value
from pipeline.evaluation.judging import detectable
from pipeline.evaluation.planning import PowerBasis, effect, needed, power_basis, power_table

BASIS = PowerBasis(variants=9, images=500, units=500, shared=2e-5, run=8e-6, seeds=1.6e-5, alpha=0.05, pairing="none")


def simulated(groups=4, seeds=5, shared=0.004, run=0.002, trained=0.003, resamples=3000, pairing="none", baseline=1.0):
    """Runs whose three sources of error are known: SDs of images by variant, images by run, and seeds."""
    rng = np.random.default_rng(0)
    points = rng.normal(0, math.hypot(trained, run), (groups, seeds))
    points[0] *= baseline
    drawn = rng.normal(0, shared, (groups, 1, resamples)) + rng.normal(0, run, (groups, seeds, resamples))
    return contrasts(Sample(points, drawn, 500, pairing))


@pytest.mark.parametrize("pairing", ["none", "seeds"])
@pytest.mark.parametrize("baseline", [0.3, 6.0])  # judged by the pool, and by its own
def test_at_hand_it_is_what_eight_in_ten_such_studies_show(pairing, baseline):
    found = simulated(pairing=pairing, baseline=baseline)
    assert (0 in found.spread.wide) is (baseline > 1)
    basis = power_basis(found, 500, 500, Settings(pairing=pairing), 0.05)
    regular = found.regular([1, 2, 3])
    critical = critical_value(3, regular.degrees_of_freedom, 0.05, regular.rho)
    expected = regular.se * detectable(critical, regular.degrees_of_freedom)
    assert effect(basis, 5, 500) == pytest.approx(expected, rel=2e-3)


def test_the_three_variances_are_found_again():
    basis = power_basis(simulated(groups=60, seeds=6), 500, 500, Settings(), 0.05)
    assert basis.shared == pytest.approx(2 * 0.004**2, rel=0.2)  # of a difference
    assert basis.run == pytest.approx(0.002**2, rel=0.1)
    assert basis.seeds == pytest.approx(0.003**2, rel=0.35)


def test_more_seeds_of_the_baseline_by_the_square_root_rule():
    """With nine variants, six baseline seeds instead of three cost 10 % more runs and narrow every interval by 12 %."""
    alone = replace(BASIS, shared=0.0, run=0.0)
    three, six = effect(alone, 3, 500), effect(replace(alone, extra=3), 3, 500)
    assert six / three == pytest.approx(0.88, abs=0.015)


def test_what_seeds_alone_or_images_alone_would_take():
    basis = BASIS
    found = needed(basis, 0.0175, 3)
    assert found.seeds
    assert found.images
    assert effect(basis, found.seeds, 500) <= 0.0175 < effect(basis, found.seeds - 1, 500)
    assert effect(basis, 3, found.images) <= 0.0175 < effect(basis, 3, found.images - 2)
    assert found.more_runs == (found.seeds - 3) * 10
    hopeless = needed(basis, 0.001, 3)
    assert hopeless.images is hopeless.seeds is hopeless.more_runs is None


def test_more_seeds_and_more_images_show_smaller_effects():
    table = {(r["seeds"], r["images"]): r["effect"] for r in power_table(BASIS, (3, 5, 10), (500, 2000))}
    assert table[3, 500] > table[5, 500] > table[10, 500] > table[10, 2000]
    assert table[3, 500] > table[3, 2000]


def test_the_cheapest_plan_is_found_by_trying_all():
    plan = plan_power(BASIS, wanted=0.01, image_price=0.01)
    prices = [
        10 * k + 0.01 * (images - 500)
        for k in range(3, 30)
        for images in range(500, 6000, 25)
        if effect(BASIS, k, images) <= 0.01
    ]
    assert plan.cheapest["price"] == pytest.approx(min(prices), abs=0.26)
    assert plan.cheapest["effect"] <= 0.01
    assert effect(BASIS, int(plan.cheapest["seeds"]), int(plan.cheapest["images"])) == plan.cheapest["effect"]


def test_free_images_buy_fewer_seeds():
    few = plan_power(BASIS, wanted=0.01, image_price=0.0).cheapest
    many = plan_power(BASIS, wanted=0.01, image_price=1.0).cheapest
    assert few["seeds"] < many["seeds"]
    assert few["images"] > many["images"]


def test_impossible_effects_and_unmeasured_seeds_are_told():
    assert plan_power(BASIS, wanted=1e-5).cheapest is None
    assert plan_power(BASIS).cheapest is None
    with pytest.raises(UserError, match="at least two seeds"):
        plan_power(None, wanted=0.01)


def test_what_learnt_nothing_does_not_make_the_study_look_stronger():
    rng = np.random.default_rng(0)
    points, drawn = rng.normal(0, 0.004, (6, 4)), rng.normal(0, 0.004, (6, 1, 3000)) + np.zeros((6, 4, 3000))
    points[4:], drawn[4:] = rng.normal(0, 1e-7, (2, 4)), 0.0
    found = contrasts(Sample(points, drawn, 500))
    assert found.spread.narrow == (4, 5)
    assert found.regular([1, 2, 3, 4, 5]) == found.regular([1, 2, 3])
    assert power_basis(found, 500, 500, Settings(), 0.05).shared == pytest.approx(2 * 0.004**2, rel=0.1)
