"""The match table against pycocotools' matching, detection by detection."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.evaluation.boxes import read_detections, read_ground_truth
from pipeline.evaluation.matches import match, positives

from .data import dataset, detections


def reference(truth, found):
    """(class, image, score) -> (A, T) true positives and counted, and boxes that count by (A, class, image)."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluator.evaluate()
    areas = {tuple(r): i for i, r in enumerate(evaluator.params.areaRng)}
    images = {i: n for n, i in enumerate(evaluator.params.imgIds)}
    classes = {c: n for n, c in enumerate(evaluator.params.catIds)}
    table: dict[tuple[int, int, float], np.ndarray] = {}
    boxes = np.zeros((4, len(classes), len(images)), int)
    for row in filter(None, evaluator.evalImgs):
        area, k, image = areas[tuple(row["aRng"])], classes[row["category_id"]], images[row["image_id"]]
        boxes[area, k, image] = (~row["gtIgnore"].astype(bool)).sum()
        for d, score in enumerate(row["dtScores"]):
            cell = table.setdefault((k, image, score), np.zeros((2, 4, 10), bool))
            ignored = row["dtIgnore"][:, d].astype(bool)
            cell[0, area] = (row["dtMatches"][:, d] > 0) & ~ignored
            cell[1, area] = ~ignored
    return table, boxes


@pytest.mark.parametrize("seed", range(6))
def test_every_detection_is_judged_as_pycocotools_judges_it(seed):
    truth = dataset(seed, images=6, boxes=80, crowds=0.25 * (seed % 2))
    found = detections(truth, seed, count=[300, 2500][seed % 3 == 2])  # more than 100 in an image and class
    gt = read_ground_truth(truth)
    table = match(gt, read_detections(found, gt))
    expected, boxes = reference(truth, found)
    assert np.array_equal(positives(gt), boxes)
    assert len(table.score) == len(expected)
    for d, key in enumerate(zip(table.category.tolist(), table.image.tolist(), table.score.tolist(), strict=True)):
        assert np.array_equal(table.true_positive[:, :, d], expected[key][0]), key
        assert np.array_equal(table.counted[:, :, d], expected[key][1]), key


def test_the_order_is_by_class_then_falling_score():
    truth = dataset(0)
    gt = read_ground_truth(truth)
    table = match(gt, read_detections(detections(truth, 0, levels=5), gt))
    order = np.lexsort((table.image, -table.score, table.category))
    assert np.array_equal(order, np.arange(len(order)))
