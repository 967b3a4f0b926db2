"""The verdict, the schema, and every row of evidence.md's table of refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.evaluation import Settings, compare, evaluate
from pipeline.evaluation.verdicts import verdict

from .data import dataset, detections

SHIFT = {"baseline": 6.0, "same": 6.0, "sharp": 1.0, "blunt": 15.0}
GT = dataset(1, images=40, boxes=320, crowds=0.05)
SETTINGS = Settings(resamples=150)


@cache
def run(variant, seed):
    return detections(GT, 1000 * list(SHIFT).index(variant) + seed, count=500, shift=SHIFT[variant])


def runs(seeds=(0, 1, 2), variants=tuple(SHIFT)):
    return {variant: {seed: run(variant, seed) for seed in seeds} for variant in variants}


def evaluated(given, seeds=(0, 1, 2), **options):
    return evaluate(GT, given, baseline="baseline", expected_seeds=seeds, settings=SETTINGS, **options).comparison


def kinds(comparison):
    return {outcome.kind for outcome in comparison.refusals}


@pytest.fixture(scope="module")
def full():
    return compare(GT, runs(), resamples=150)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.02, "better"),
        (-0.02, -0.001, "worse"),
        (-0.004, 0.004, "equivalent"),
        (-0.004, 0.006, "not_shown"),
        (0.001, 0.004, "better"),
        (-0.005, 0.005, "not_shown"),  # touching the region's edge is not inside
        (0.0, 0.02, "not_shown"),
    ],
)
def test_the_interval_decides(low, high, expected):
    assert verdict(low, high, 0.005) == expected


def test_finds_what_is_there(full):
    found = {name: row.verdict for name, row in full.variants.items()}
    assert found == {"baseline": None, "same": "not_shown", "sharp": "better", "blunt": "worse"}
    assert full.claim == "full"
    assert 8 < full.degrees_of_freedom < 39  # 4 x 2 of the seeds, 39 of the images, by their shares
    sharp = full.variants["sharp"]
    assert sharp.p_improve == (9, 9)
    assert sharp.p_adjusted < 0.05 < full.variants["same"].p_adjusted
    assert sharp.rank[0] > 0.99
    assert full.variants["blunt"].rank[-1] > 0.99
    assert sharp.ci_high - sharp.delta == pytest.approx(full.critical_value * sharp.se)
    assert "sharp is better than the baseline" in sharp.sentence


def test_interval_and_adjusted_p_agree_on_significance(full):
    for row in full.variants.values():
        if row.verdict is not None:
            assert (row.p_adjusted < full.alpha) == (row.ci_low > 0 or row.ci_high < 0)


def test_equivalence_is_a_parameter():
    assert compare(GT, runs(), resamples=100, equivalence=0.9).variants["same"].verdict == "equivalent"


def test_the_same_call_gives_the_same_json(full):
    again = json.dumps(compare(GT, runs(), resamples=150).to_dict(), allow_nan=False)
    assert again == json.dumps(full.to_dict(), allow_nan=False)
    other = compare(GT, runs(), resamples=150, seed=1)
    assert other.variants["sharp"].delta == full.variants["sharp"].delta
    assert other.variants["sharp"].se_images != full.variants["sharp"].se_images


def test_json_has_the_documented_keys(full):
    row = json.loads(json.dumps(full.to_dict()))
    assert row["schema"] == 1
    assert (row["primary"], row["split"], row["k"], row["images"]) == ("AP", "val", 3, 40)
    assert (row["resamples"], row["resample_seed"], row["alpha"], row["equivalence"]) == (150, 0, 0.05, 0.005)
    assert row["pairing"] == "none"
    assert row["seeds"] == [0, 1, 2]
    assert row["variants"]["sharp"]["p_improve"] == [9, 9]
    assert set(row["variants"]["sharp"]["runs"]) == {"0", "1", "2"}
    assert row["descriptive"]["AP_small"]["variants"]["sharp"].keys() == {
        *("mean", "sd", "delta", "ci_low", "ci_high", "p_bh")
    }
    assert row["power"][0].keys() == {"seeds", "images", "effect"}
    assert row["noise_floor"] is None


def test_one_seed_claims_nothing():
    found = evaluated(runs(seeds=(7,)), seeds=(7,))
    assert found.claim == "one_seed"
    assert "one_seed" in kinds(found)
    assert found.seed_sd is found.minimum_detectable is found.degrees_of_freedom is None
    assert not found.power
    for name in ("same", "sharp", "blunt"):
        row = found.variants[name]
        assert row.verdict == "not_claimed"
        assert row.p_adjusted is None
        assert row.ci_low < row.delta < row.ci_high  # the paired image interval
        assert row.se == row.se_images
    assert all(cell.p_bh is None for m in found.descriptive.values() for cell in m.variants.values())


def test_two_seeds_give_an_sd_and_no_verdict():
    found = evaluated(runs(seeds=(0, 1)), seeds=(0, 1))
    assert found.claim == "two_seeds"
    assert "two_seeds" in kinds(found)
    assert found.seed_sd > 0
    assert {row.verdict for name, row in found.variants.items() if name != "baseline"} == {"not_claimed"}
    assert {row.p_adjusted for row in found.variants.values()} == {None}


def test_configs_that_differ_refuse_and_are_listed():
    contracts = {name: {"train.epochs": 12, "train.lr": 0.02} for name in SHIFT} | {"sharp": {"train.epochs": 24}}
    found = evaluated(runs(), contracts=contracts)
    (outcome,) = [o for o in found.refusals if o.kind == "config_differs"]
    assert found.claim == "refused"
    assert outcome.details["differences"] == {"sharp": {"train.epochs": [12, 24], "train.lr": [0.02, None]}}
    assert "train.epochs is 24, the baseline has 12" in outcome.text
    for name in ("same", "sharp", "blunt"):
        row = found.variants[name]
        assert (row.verdict, row.delta, row.ci_low, row.p_adjusted) == ("not_claimed", None, None, None)
        assert row.n == 3


def test_equal_contracts_do_not_refuse():
    assert evaluated(runs(), contracts={name: {"train.epochs": 12} for name in SHIFT}).claim == "full"


def test_detections_of_other_images_are_an_error():
    given = runs()
    given["same"] = {**given["same"], 1: [*run("same", 1), {**run("same", 1)[0], "image_id": 999}]}
    with pytest.raises(UserError, match="same, seed 1 number 500: image_id 999 is not in the ground truth"):
        evaluated(given)


def test_a_missing_seed_is_listed_and_its_variant_not_compared():
    given = runs()
    del given["sharp"][2]
    found = evaluated(given)
    (outcome,) = [o for o in found.refusals if o.kind == "missing_seeds"]
    assert outcome.details["missing"] == {"sharp": [2]}
    row = found.variants["sharp"]
    assert (row.n, row.verdict, row.delta, row.p_adjusted) == (2, "not_claimed", None, None)
    assert row.mean is not None
    assert found.power_basis.variants == 2
    alone = compare(GT, runs(variants=("baseline", "same", "blunt")), resamples=150)
    assert found.variants["blunt"].ci_low == alone.variants["blunt"].ci_low


def test_without_a_complete_baseline_nothing_is_compared():
    given = runs()
    del given["baseline"][0]
    found = evaluated(given)
    assert found.claim == "refused"
    assert "without a complete baseline" in next(o.text for o in found.refusals if o.kind == "missing_seeds")
    assert {row.verdict for row in found.variants.values()} == {"not_claimed"}


def test_few_boxes_are_counted_and_not_compared(full):
    (outcome,) = [o for o in full.refusals if o.kind == "too_few_boxes"]
    assert outcome.details["boxes"] == {"AP/class 3": 0}
    assert full.descriptive["AP/class 3"].too_few
    assert full.descriptive["AP_small"].boxes >= 30
    assert full.descriptive["AP_small"].units >= 8
    assert not full.descriptive["AP_small"].too_few
    few = compare(dataset(1, images=40, boxes=25), runs(variants=("baseline", "sharp")), resamples=100)
    cells = [cell for m in few.descriptive.values() for cell in m.variants.values()]
    assert {m.too_few for m in few.descriptive.values()} == {True}
    assert {cell.p_bh for cell in cells} == {cell.ci_low for cell in cells} == {None}


def test_a_secondary_win_leaves_the_verdict_with_ap():
    small = [a for a in GT["annotations"] if a["area"] <= 32**2 and not a["iscrowd"]]
    given = runs(variants=("baseline", "same"))
    given["small_only"] = {  # six of ten small boxes found exactly, of the others none
        seed: [
            {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.9}
            for i, a in enumerate(small)
            if (i + seed) % 10 < 6
        ]
        for seed in (0, 1, 2)
    }
    found = evaluated(given)
    assert found.variants["small_only"].verdict != "better"
    (outcome,) = [o for o in found.refusals if o.kind == "secondary_only"]
    assert "AP_small" in outcome.details["wins"]["small_only"]
    assert "stays with AP" in outcome.text


def test_runs_that_find_nothing_are_not_called_equivalent():
    nothing: dict[str, dict[int, list[Any]]] = {
        variant: {seed: [] for seed in (0, 1, 2)} for variant in ("baseline", "same")
    }
    assert evaluated(nothing).variants["same"].verdict == "not_shown"


def test_a_ground_truth_without_boxes_is_an_error():
    with pytest.raises(UserError, match="AP is not defined"):
        compare({**GT, "annotations": []}, runs())


def test_an_unknown_baseline_is_an_error():
    with pytest.raises(UserError, match="baseline 'plain' is not among the runs: baseline, same"):
        compare(GT, runs(variants=("baseline", "same")), baseline="plain")


def groups_of(size):
    return {image["id"]: f"clip {i // size}" for i, image in enumerate(GT["images"])}


def test_groups_are_drawn_and_few_of_them_are_told():
    found = compare(GT, runs(), resamples=150, groups=groups_of(4))
    (outcome,) = [o for o in found.refusals if o.kind == "few_units"]
    assert (found.units, found.grouped, found.images, found.claim) == (10, True, 40, "full")
    assert "10 groups of images" in outcome.text
    assert "few_units" not in kinds(compare(GT, runs(), resamples=100))
    alone = compare(GT, runs(), resamples=150, groups=groups_of(1))
    assert (alone.units, alone.grouped) == (40, True)


def test_below_eight_groups_nothing_is_claimed():
    found = compare(GT, runs(), resamples=100, groups=groups_of(6))
    assert (found.units, found.claim) == (7, "refused")
    assert {row.verdict for row in found.variants.values()} == {"not_claimed"}
    assert "fewer than 8 nothing is compared" in next(o.text for o in found.refusals if o.kind == "few_units")


def test_copies_are_no_seeds():
    given = {variant: {seed: run(variant, 0) for seed in (0, 1, 2)} for variant in ("baseline", "sharp")}
    found = compare(GT, given, resamples=100)
    (outcome,) = [o for o in found.refusals if o.kind == "copied_seeds"]
    assert found.claim == "one_seed"
    assert found.variants["sharp"].verdict == "not_claimed"
    assert outcome.details["copies"] == [[v, s, 0] for v in ("baseline", "sharp") for s in (1, 2)]
    assert "sharp seed 1 equals seed 0" in outcome.text


def test_copies_of_one_variant_leave_all_with_the_distinct_seeds():
    given = runs(seeds=(0, 1, 2, 3))
    given["sharp"][3] = given["sharp"][1]
    found = evaluated(given, seeds=(0, 1, 2, 3))
    assert (found.claim, found.k) == ("full", 3)
    again = evaluated(runs())
    assert found.variants["sharp"].delta == again.variants["sharp"].delta


def test_equal_checkpoints_are_copies_too():
    found = evaluated(runs(), checkpoints={("blunt", 0): "abc", ("blunt", 2): "abc"})
    assert found.claim == "two_seeds"


def test_a_diverged_seed_is_kept_named_and_costs_the_others_nothing():
    given = runs()
    given["sharp"][2] = []
    found = evaluated(given)
    (far,) = [o for o in found.refusals if o.kind == "seed_diverged"]
    (unequal,) = [o for o in found.refusals if o.kind == "unequal_spread"]
    assert [(c["variant"], c["seed"], c["ap"]) for c in far.details["cells"]] == [("sharp", 2, 0.0)]
    assert "python -m pipeline rerun sharp 2" in far.text
    assert unequal.details["groups"]["sharp"]["judged_by"] == "judged by its own"
    assert found.variants["sharp"].n == 3  # nothing is dropped
    assert found.variants["sharp"].verdict == "not_shown"
    assert found.variants["blunt"].verdict == "worse"
    assert found.variants["blunt"].se == pytest.approx(evaluated(runs()).variants["blunt"].se, rel=0.2)


def test_looking_again_undeclared_costs_level():
    once, thrice = evaluated(runs()), evaluated(runs(), looked=(3, 6, 10))
    assert "looked_again" not in kinds(once)
    (outcome,) = [o for o in thrice.refusals if o.kind == "looked_again"]
    assert "looked at 3 times" in outcome.text
    assert thrice.alpha == pytest.approx(0.05 / 3)
    assert thrice.critical_value > once.critical_value
    assert "looked_again" not in kinds(evaluated(runs(), looked=(3,)))


def test_harm_in_a_secondary_metric_is_told():
    found = evaluated(runs(variants=("baseline", "same", "blunt")))
    worse = {v for v, row in found.variants.items() if row.verdict == "worse"}
    harm = {v: m for o in found.refusals if o.kind == "secondary_harm" for v, m in o.details["harm"].items()}
    assert not worse & set(harm)
    small = {a["id"] for a in GT["annotations"] if a["area"] <= 32**2}
    boxes = [a for a in GT["annotations"] if not a["iscrowd"]]
    given = runs(variants=("baseline", "same"))
    given["large_only"] = {  # every third of the rest is found exactly, of the small ones none
        s: [
            {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.9}
            for i, a in enumerate(boxes)
            if a["id"] not in small and (i + s) % 3
        ]
        for s in (0, 1, 2)
    }
    found = evaluated(given)
    (outcome,) = [o for o in found.refusals if o.kind == "secondary_harm"]
    assert "AP_small" in outcome.details["harm"]["large_only"]


def test_more_seeds_of_the_baseline_alone():
    given = runs()
    given["baseline"] = {seed: run("baseline", seed) for seed in range(6)}
    found, three = compare(GT, given, resamples=150), compare(GT, runs(), resamples=150)
    assert (found.k, found.baseline_seeds, found.power_basis.extra) == (3, 6, 3)
    assert found.variants["sharp"].p_improve == (18, 18)
    assert "missing_seeds" not in kinds(found)
    assert found.critical_value == pytest.approx(three.critical_value, rel=0.1)


def test_declared_looks_decide_early_and_spare_runs():
    seeds = tuple(range(6))
    given = runs(seeds=seeds)
    settings = Settings(resamples=150, looks=(3, 6), wanted=0.1)

    def looked_at(runs):
        return evaluate(GT, runs, baseline="baseline", expected_seeds=seeds, settings=settings).comparison

    found = looked_at(given)
    first = found.looks[0]
    assert first.seeds == 3
    assert first.decisions["sharp"] == "better"
    assert found.variants["sharp"].decided_at == 3
    assert found.alpha == 0.05
    spared = {
        v: {s: d for s, d in of.items() if s < 3 or first.decisions.get(v, "open") == "open"} for v, of in given.items()
    }
    again = looked_at(spared)
    assert again.looks == found.looks
    assert again.variants["sharp"] == spared_row(found.variants["sharp"], 3)
    assert "missing_seeds" not in kinds(again)


def spared_row(row, seeds):
    """The same judgement with the runs of the first seeds alone."""
    import numpy as np

    kept = {s: ap for s, ap in row.runs.items() if int(s) < seeds}
    values = list(kept.values())
    return replace(row, runs=kept, n=len(kept), mean=float(np.mean(values)), sd=float(np.std(values, ddof=1)))


def test_contrasts_between_variants_are_a_family_of_their_own():
    settings = Settings(resamples=150, contrasts=(("sharp", "blunt"), ("same", "sharp", "blunt")))
    found = evaluate(GT, runs(), baseline="baseline", expected_seeds=(0, 1, 2), settings=settings).comparison
    assert [(row.first, row.second) for row in found.further] == [
        ("sharp", "blunt"), ("same", "sharp"), ("same", "blunt"),
    ]  # fmt: skip
    assert found.further[0].ci_low > 0
    assert found.variants["sharp"] == evaluated(runs()).variants["sharp"]
