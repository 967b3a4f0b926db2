"""The 12 numbers against pycocotools' own summary."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.common.errors import UserError
from pipeline.evaluation import STANDARD, coco_metrics
from pipeline.evaluation.boxes import read_detections, read_ground_truth
from pipeline.evaluation.engine import accumulate
from pipeline.evaluation.metrics import RECALLS, all_metrics, curves

from .data import dataset, detections

PERFECT: dict[str, Any] = {
    "images": [{"id": 1, "width": 100, "height": 100}],
    "categories": [{"id": 1, "name": "a"}],
    "annotations": [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": [10.0 + 40 * i, 10, 20, 20], "area": 400, "iscrowd": 0}
        for i in (0, 1)
    ],
}


def summary(gt, found):
    """`COCOeval.stats`, with None for -1."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(gt)
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(copy.deepcopy(found)), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return dict(zip(STANDARD, [None if s == -1 else float(s) for s in evaluator.stats], strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_summary_exactly(seed):
    gt = dataset(seed, crowds=0.2 * (seed % 2))
    found = detections(gt, seed, count=400, levels=[None, 10][seed % 2])
    assert coco_metrics(gt, found) == summary(gt, found)


def test_reads_paths_and_leaves_dicts_alone_in_silence(tmp_path, capfd):
    gt = dataset(0)
    found = detections(gt, 0)
    before = copy.deepcopy((gt, found))
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    (tmp_path / "found.json.gz").write_bytes(gzip.compress(json.dumps(found).encode()))
    from_dicts = coco_metrics(gt, found)
    assert coco_metrics(str(tmp_path / "gt.json"), tmp_path / "found.json.gz") == from_dicts
    assert (gt, found) == before
    assert capfd.readouterr() == ("", "")


def test_annotation_id_zero_is_not_unmatched():
    found = [{"image_id": 1, "category_id": 1, "bbox": a["bbox"], "score": 0.9} for a in PERFECT["annotations"]]
    metrics = coco_metrics(PERFECT, found)
    assert metrics["AP"] == metrics["AR_100"] == 1.0
    assert metrics["AP_small"] == 1.0
    assert metrics["AP_large"] is None
    assert summary(PERFECT, found)["AP"] < 0.3  # what pycocotools makes of it


def test_no_detections_give_zero_and_no_ground_truth_gives_none():
    gt = dataset(0)
    assert {v for k, v in coco_metrics(gt, []).items()} == {0.0}
    assert set(coco_metrics({**gt, "annotations": []}, detections(gt, 0)).values()) == {None}
    assert set(coco_metrics({**gt, "annotations": []}, []).values()) == {None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 4}, "image_id 4 is not in the ground truth"),
        ({"category_id": 2}, "category_id 2 is not in the ground truth"),
        ({"bbox": [1, 2, 3]}, "four numbers"),
        ({"bbox": [1, 2, 3, float("nan")]}, "finite"),
        ({"score": float("inf")}, "finite"),
        ({"score": None}, "number"),
    ],
)
def test_bad_detections_are_one_clear_error(change, message):
    gt = dataset(0)
    found = detections(gt, 0, count=3)
    with pytest.raises(UserError, match=message):
        coco_metrics(gt, [*found, {**found[0], **change}])


def test_class_metrics_average_to_ap_and_curves_to_precision():
    gt = read_ground_truth(dataset(3, boxes=80))
    arrays = accumulate(gt, read_detections(detections(dataset(3, boxes=80), 3, count=500), gt))
    metrics = all_metrics(arrays, gt)
    by_class = [metrics[f"AP/class {k}"] for k in range(4)]
    assert by_class[3] is None  # without boxes
    assert np.mean([ap for ap in by_class if ap is not None]) == pytest.approx(metrics["AP"], abs=1e-12)
    assert metrics["AR_1000"] >= metrics["AR_300"] >= metrics["AR_100"]
    for curve, metric in (("mean", "AP"), ("0.50", "AP50"), ("0.75", "AP75")):
        precision = curves(arrays)[curve]
        assert precision is not None
        assert np.mean(precision) == pytest.approx(metrics[metric], abs=1e-12)
        assert len(precision) == len(RECALLS) == 101
