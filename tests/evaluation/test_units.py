"""Groups of images, the rule for frames, copies, and contrasts between variants."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.common.errors import UserError
from pipeline.evaluation.boxes import read_detections, read_ground_truth
from pipeline.evaluation.contrasts import Sample, contrasts
from pipeline.evaluation.copies import copied
from pipeline.evaluation.further import further, pairs
from pipeline.evaluation.resampling import draw
from pipeline.evaluation.units import Units, image_groups, look_like_frames

from .data import dataset, detections

GT = dataset(3, images=12, boxes=60)


def grouped(size=3):
    return {image["id"]: f"clip {i // size}" for i, image in enumerate(GT["images"])}


def test_a_group_is_drawn_whole():
    gt = read_ground_truth(GT)
    units = Units.of(gt, grouped())
    assert (units.count, units.grouped) == (4, True)
    weights = draw(gt, units, 200, 0).weights.reshape(4, 3, 201)
    assert (weights == weights[:, :1]).all()
    assert (weights[:, 0].sum(axis=0) == 4).all()
    assert weights[..., 1:].std() > 0.5


def test_without_groups_every_image_is_a_unit():
    units = Units.of(read_ground_truth(GT), None)
    assert (units.count, units.grouped) == (12, False)


def test_an_image_without_a_group_is_an_error():
    groups = grouped()
    del groups[GT["images"][4]["id"]]
    with pytest.raises(UserError, match=f"image {GT['images'][4]['id']} has none"):
        Units.of(read_ground_truth(GT), groups)


def test_groups_come_from_the_records_of_images():
    images = [{**image, "group": f"g{i % 2}"} for i, image in enumerate(GT["images"])]
    found = image_groups(read_ground_truth({**GT, "images": images}))
    assert found == {image["id"]: image["group"] for image in images}
    assert image_groups(read_ground_truth(GT)) is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"clip{c}_{i:04d}.jpg" for c in range(3) for i in range(10)], True),
        ([f"{c}/{i}.png" for c in "ab" for i in range(5)], True),
        ([f"frame_{i:05d}.png" for i in range(20)], True),
        ([f"{i:012d}.jpg" for i in range(50)], False),  # COCO's
        ([f"image_{i}.jpg" for i in range(50)], False),
        ([f"{word}.jpg" for word in ("road", "tree", "car")], False),
        ([], False),
    ],
)
def test_names_that_look_like_frames(names, expected):
    assert look_like_frames(names) is expected


def test_equal_detections_or_checkpoints_of_a_variant_are_one_run():
    gt = read_ground_truth(GT)
    a, b = (read_detections(detections(GT, seed), gt) for seed in (1, 2))
    nothing = read_detections([], gt)
    assert copied({"x": {0: a, 1: b, 2: a}, "y": {0: a}}) == {("x", 2): ("x", 0)}
    assert copied({"x": {0: a, 1: b}}, {("x", 0): "abc", ("x", 1): "abc"}) == {("x", 1): ("x", 0)}
    assert copied({"x": {0: nothing, 1: nothing}}) == {}


def four(k=4, seed=0):
    points = np.random.default_rng(seed).normal(0, 1, (4, k)) + np.arange(4)[:, None]
    return points, contrasts(Sample(points, np.repeat(points[..., None], 50, axis=2), 100))


NAMES = ["baseline", "a", "b", "both"]


def test_all_pairs_are_tukey():
    points, found = four()
    theirs = stats.tukey_hsd(*points)
    interval = theirs.confidence_interval(0.95)
    rows = further(found, NAMES, "all", 0.05)
    assert len(rows) == 6
    for row in rows:
        g, h = NAMES.index(row.first), NAMES.index(row.second)
        assert row.delta == pytest.approx(theirs.statistic[g, h])
        assert row.p_adjusted == pytest.approx(theirs.pvalue[g, h], abs=1e-4)
        assert (row.ci_low, row.ci_high) == pytest.approx((interval.low[g, h], interval.high[g, h]), abs=1e-3)


def test_declared_contrasts_are_covered_together_by_bonferroni():
    points, found = four()
    declared = [("a", "b"), ("both", "a", "b")]
    assert pairs(declared, NAMES) == [("a", "b"), ("both", "a"), ("both", "b")]
    row = further(found, NAMES, declared, 0.05)[1]
    s2 = points.var(axis=1, ddof=1).mean()
    t = (points[3].mean() - points[1].mean()) / np.sqrt(2 * s2 / 4)
    assert row.p_adjusted == pytest.approx(min(2 * stats.t.sf(abs(t), 12) * 3, 1))
    assert row.ci_high - row.delta == pytest.approx(stats.t.ppf(1 - 0.05 / 6, 12) * np.sqrt(2 * s2 / 4))
