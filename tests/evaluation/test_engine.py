"""hotcoco against pycocotools, bit for bit, over what the two could disagree on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation import engine
from pipeline.evaluation.boxes import read_detections, read_ground_truth

from .data import dataset, detections


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(3, 12),
    classes=st.integers(2, 4),
    boxes=st.integers(0, 60),
    crowds=st.sampled_from([0.0, 0.3]),
    count=st.integers(0, 900),
    levels=st.sampled_from([None, 3, 20]),
)
def test_precision_and_recall_are_bit_equal(seed, images, classes, boxes, crowds, count, levels):
    truth = dataset(seed, images, classes, boxes, crowds)
    gt = read_ground_truth(truth)
    found = read_detections(detections(truth, seed + 1, count, levels), gt)
    fast, exact = engine.by_hotcoco(gt, found), engine.by_pycocotools(gt, found)
    assert np.array_equal(fast.precision, exact.precision)
    assert np.array_equal(fast.recall, exact.recall)


def test_the_probe_has_what_engines_disagree_on():
    gt, found = engine.probe()
    per_image_and_class = np.bincount(found.image * 4 + found.category)
    assert gt.crowd.any()
    assert per_image_and_class.max() > 100
    assert len(np.unique(found.score)) < len(found.score)
    assert len(np.unique(gt.image)) < len(gt.image_ids)
    assert len(np.unique(gt.category)) < len(gt.category_ids)


def test_a_wrong_fast_engine_is_replaced_with_a_warning(monkeypatch):
    def off_by_one_bit(gt, found):
        right = engine.by_pycocotools(gt, found)
        return engine.Arrays(np.nextafter(right.precision, 2), right.recall)

    engine._engine.cache_clear()
    monkeypatch.setattr(engine, "by_hotcoco", off_by_one_bit)
    gt, found = engine.probe()
    with pytest.warns(RuntimeWarning, match="disagrees with pycocotools"):
        arrays = engine.accumulate(gt, found)
    assert np.array_equal(arrays.precision, engine.by_pycocotools(gt, found).precision)
    monkeypatch.undo()
    engine._engine.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert engine._engine() is engine.by_hotcoco
