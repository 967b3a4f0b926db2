"""Weighted AP against COCOeval: on the data set itself, and on data sets whose images are physically repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation import resampling
from pipeline.evaluation.boxes import read_detections, read_ground_truth
from pipeline.evaluation.engine import by_pycocotools
from pipeline.evaluation.matches import match
from pipeline.evaluation.metrics import RECALLS, all_metrics
from pipeline.evaluation.resampling import draw, metric_rows, weighted, weighted_ap
from pipeline.evaluation.units import Units

from .data import dataset, detections, duplicated


def coco_ap(truth, found):
    """(A, T, K) by pycocotools at maxDets 100, NaN without boxes; and its metrics."""
    gt = read_ground_truth(truth)
    arrays = by_pycocotools(gt, read_detections(found, gt))
    ap = arrays.precision[..., 2].mean(axis=1).transpose(2, 0, 1)
    return np.where(ap < 0, np.nan, ap), all_metrics(arrays, gt)


def ours(truth, found, weights):
    gt = read_ground_truth(truth)
    return weighted_ap(match(gt, read_detections(found, gt)), weighted(gt, weights))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    boxes=st.integers(0, 90),
    crowds=st.sampled_from([0.0, 0.3]),
    count=st.integers(0, 800),
    levels=st.sampled_from([None, 6]),
)
def test_equal_weights_are_cocoeval(seed, boxes, crowds, count, levels):
    truth = dataset(seed, images=8, boxes=boxes, crowds=crowds)
    found = detections(truth, seed, count, levels)
    expected, metrics = coco_ap(truth, found)
    ap = ours(truth, found, np.ones((8, 1)))
    np.testing.assert_allclose(ap[..., 0], expected, rtol=0, atol=1e-12)
    for name, value in metric_rows(ap, tuple(f"class {k}" for k in range(4))):
        assert value[0] == pytest.approx(np.nan if metrics[name] is None else metrics[name], abs=1e-12, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    weights=st.lists(st.integers(0, 4), min_size=8, max_size=8).filter(any),
    crowds=st.sampled_from([0.0, 0.3]),
    count=st.integers(0, 500),
)
def test_integer_weights_are_cocoeval_on_repeated_images(seed, weights, crowds, count):
    truth = dataset(seed, images=8, boxes=60, crowds=crowds)
    found = detections(truth, seed, count)
    repeated, repeated_found = duplicated(truth, found, weights)
    ap = ours(truth, found, np.column_stack([np.ones(8), weights]))
    expected, metrics = coco_ap(repeated, repeated_found)
    np.testing.assert_allclose(ap[..., 1], expected, rtol=0, atol=1e-12)
    for name, value in metric_rows(ap, tuple(f"class {k}" for k in range(4))):
        assert value[1] == pytest.approx(np.nan if metrics[name] is None else metrics[name], abs=1e-12, nan_ok=True)


def test_scores_may_tie_between_images():
    truth = dataset(5, images=8, boxes=60)
    found = detections(truth, 5, 300)
    seen: dict[tuple[int, int], int] = {}
    for d in found:  # the n-th detection of every image and class scores the same everywhere
        key = d["image_id"], d["category_id"]
        seen[key] = seen.get(key, 0) + 1
        d["score"] = 1 / seen[key]
    weights = [2, 0, 1, 3, 1, 1, 0, 2]
    repeated, repeated_found = duplicated(truth, found, weights)
    expected, _ = coco_ap(repeated, repeated_found)
    np.testing.assert_allclose(ours(truth, found, np.array(weights, float)[:, None])[..., 0], expected, atol=1e-12)


def test_chunks_do_not_matter(monkeypatch):
    truth = dataset(1, boxes=60)
    found = detections(truth, 1, 300)
    weights = np.random.default_rng(0).integers(0, 3, (12, 9)).astype(float)
    whole = ours(truth, found, weights)
    monkeypatch.setattr(resampling, "CHUNK", 2)
    assert np.array_equal(ours(truth, found, weights), whole, equal_nan=True)


def test_recalls_are_whole_multiples_of_a_hundredth_to_the_bit():
    assert np.array_equal(RECALLS, np.arange(101) * 0.01)


def test_draws_are_multinomial_with_the_data_set_itself_first():
    gt = read_ground_truth(dataset(0, images=12))
    drawn = draw(gt, Units.of(gt, None), 4000, seed=1)
    assert (drawn.weights[:, 0] == 1).all()
    resamples = drawn.weights[:, 1:]
    assert (resamples.sum(axis=0) == 12).all()
    np.testing.assert_allclose(resamples.mean(axis=1), 1, atol=4 * np.sqrt(11 / 12 / 4000))
    np.testing.assert_allclose(resamples.var(axis=1), 11 / 12, rtol=0.12)
    assert np.array_equal(drawn.weights, draw(gt, Units.of(gt, None), 4000, seed=1).weights)
    assert not np.array_equal(drawn.weights, draw(gt, Units.of(gt, None), 4000, seed=2).weights)
