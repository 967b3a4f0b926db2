"""The COCO protocol by pycocotools, or by hotcoco where a probe shows the same bits.

Both give the precision and recall arrays of `COCOeval.accumulate`. pycocotools is the authority; hotcoco 1.3.0 takes
a fiftieth of the time. The probe at the first call is a data set with crowds, ties, empty images and classes, and
more than 100 detections in an image; `tests/evaluation/test_engine.py` holds the same over random data sets.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import hotcoco
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.evaluation.boxes import Detections, Floats, GroundTruth

MAX_DETECTIONS = (1, 10, 100, 300, 1000)  # 300 and 1000 only to stand next to the article's lines
AREAS = ("all", "small", "medium", "large")


@dataclass(frozen=True)
class Arrays:
    """What COCOeval accumulates: T = 10 IoU thresholds, R = 101 recalls, K classes, A = 4 areas, M = 5 maxDets.

    -1 where a class has no ground truth in an area.
    """

    precision: Floats  # (T, R, K, A, M)
    recall: Floats  # (T, K, A, M)


def accumulate(gt: GroundTruth, detections: Detections) -> Arrays:
    """Precision and recall of one run, by the fastest engine that agrees with pycocotools."""
    return _engine()(gt, detections)


def by_pycocotools(gt: GroundTruth, detections: Detections) -> Arrays:
    """The authority. Prints nothing and accepts an empty list, unlike pycocotools itself."""
    truth, found = COCO(), COCO()
    truth.dataset = {"images": _images(gt), "categories": _categories(gt), "annotations": _annotations(gt)}
    found.dataset = {"images": _images(gt), "categories": _categories(gt), "annotations": _results(gt, detections)}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluator = COCOeval(truth, found, "bbox")
        evaluator.params.maxDets = list(MAX_DETECTIONS)
        evaluator.evaluate()
        evaluator.accumulate()
    return Arrays(evaluator.eval["precision"], evaluator.eval["recall"])


def by_hotcoco(gt: GroundTruth, detections: Detections) -> Arrays:
    """The same protocol in Rust, on all cores."""
    truth, found = hotcoco_pair(gt, detections)
    evaluator = hotcoco.COCOeval(truth, found, "bbox")
    evaluator.params.max_dets = list(MAX_DETECTIONS)
    evaluator.evaluate()
    evaluator.accumulate()
    result = evaluator.eval
    assert result is not None
    return Arrays(result["precision"], result["recall"])


def hotcoco_pair(gt: GroundTruth, detections: Detections) -> tuple[hotcoco.COCO, hotcoco.COCO]:
    """Ground truth and detections as hotcoco's data sets, without a dict per box."""
    truth = hotcoco.COCO.from_arrays(
        _images(gt),
        _categories(gt),
        gt.image_ids[gt.image],
        gt.category_ids[gt.category],
        gt.boxes,
        ids=np.arange(1, len(gt.image) + 1),
        area=gt.area,
        iscrowd=gt.crowd.astype(np.int64),
    )
    columns = (
        gt.image_ids[detections.image],
        detections.boxes,
        detections.score,
        gt.category_ids[detections.category],
    )
    return truth, truth.load_res(np.column_stack(columns).astype(np.float64))


@cache
def _engine() -> Callable[[GroundTruth, Detections], Arrays]:
    gt, detections = probe()
    fast, exact = by_hotcoco(gt, detections), by_pycocotools(gt, detections)
    same = np.array_equal(fast.precision, exact.precision) and np.array_equal(fast.recall, exact.recall)
    if same:
        return by_hotcoco
    warnings.warn(
        f"hotcoco {hotcoco.__version__} disagrees with pycocotools on the probe data set: metrics are computed by "
        "pycocotools, which takes some fifty times longer. The numbers are right either way.",
        RuntimeWarning,
        stacklevel=2,
    )
    return by_pycocotools


def probe() -> tuple[GroundTruth, Detections]:
    """A small data set with everything engines have disagreed on."""
    rng = np.random.default_rng(20240)
    boxes, found = 60, 500
    corners, sides = rng.uniform(0, 400, (boxes, 2)), rng.choice([8.0, 32.0, 60.0, 96.0, 200.0], (boxes, 2))
    truth = GroundTruth(
        image_ids=np.arange(3, 11),
        category_ids=np.array([1, 2, 5, 9]),
        category_names=("a", "b", "c", "without boxes"),
        image=rng.integers(0, 6, boxes),  # two images have none
        category=rng.integers(0, 3, boxes),
        boxes=np.hstack([corners, sides]),
        area=sides.prod(axis=1),
        crowd=rng.random(boxes) < 0.15,
    )
    source = np.where(rng.random(found) < 0.5, 0, rng.integers(0, boxes, found))  # one box found 250 times
    return truth, Detections(
        image=np.where(rng.random(found) < 0.9, truth.image[source], rng.integers(0, 8, found)),
        category=np.where(rng.random(found) < 0.9, truth.category[source], rng.integers(0, 4, found)),
        boxes=np.abs(truth.boxes[source] + rng.normal(0, 5, (found, 4))),
        score=rng.integers(1, 40, found) / 40,  # ties
    )


def _images(gt: GroundTruth) -> list[dict[str, int]]:
    return [{"id": i, "width": 1, "height": 1} for i in gt.image_ids.tolist()]


def _categories(gt: GroundTruth) -> list[dict[str, object]]:
    return [{"id": i, "name": n} for i, n in zip(gt.category_ids.tolist(), gt.category_names, strict=True)]


def _annotations(gt: GroundTruth) -> list[dict[str, object]]:
    columns = (gt.image_ids[gt.image], gt.category_ids[gt.category], gt.boxes, gt.area, gt.crowd.astype(int))
    return [
        {"id": n, "image_id": i, "category_id": c, "bbox": b, "area": a, "iscrowd": o}
        for n, (i, c, b, a, o) in enumerate(zip(*(x.tolist() for x in columns), strict=True), start=1)
    ]


def _results(gt: GroundTruth, found: Detections) -> list[dict[str, object]]:
    """As `COCO.loadRes` makes them, which refuses an empty list: area of the box, no crowd, ids from 1."""
    columns = (gt.image_ids[found.image], gt.category_ids[found.category], found.boxes, found.score)
    return [
        {"id": n, "image_id": i, "category_id": c, "bbox": b, "score": s, "area": b[2] * b[3], "iscrowd": 0}
        for n, (i, c, b, s) in enumerate(zip(*(x.tolist() for x in columns), strict=True), start=1)
    ]
