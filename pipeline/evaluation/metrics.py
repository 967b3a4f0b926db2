"""The 12 numbers of COCO, AP by class, and precision-recall curves: full floats, None where there is no ground truth.

Lin et al., Microsoft COCO (2014), and the definitions at cocodataset.org/#detection-eval. AP50, AP75 and the sizes
are at maxDets 100, as in pycocotools' summary; MMDetection's CocoMetric prints them at 1000, rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.boxes import (
    DetectionsSource,
    GroundTruth,
    GroundTruthSource,
    read_detections,
    read_ground_truth,
)
from pipeline.evaluation.engine import AREAS, MAX_DETECTIONS, Arrays, accumulate

STANDARD = (
    *("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
    *("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"),
)
RECALLS = np.linspace(0.0, 1.0, 101)
_AT_100 = MAX_DETECTIONS.index(100)
_IOU_50, _IOU_75 = 0, 5


def coco_metrics(ground_truth: GroundTruthSource, detections: DetectionsSource) -> dict[str, float | None]:
    """The 12 standard metrics of one run, keyed by STANDARD.

    Takes a COCO dict and a list of {image_id, category_id, bbox [x, y, w, h], score}, or paths (.json, .json.gz).
    Leaves its inputs alone. Raises UserError for detections on images or classes the ground truth does not have.
    """
    gt = read_ground_truth(ground_truth)
    metrics = all_metrics(accumulate(gt, read_detections(detections, gt)), gt)
    return {name: metrics[name] for name in STANDARD}


def all_metrics(arrays: Arrays, gt: GroundTruth) -> dict[str, float | None]:
    """The 12, AR_300 and AR_1000, and "AP/<class name>"."""
    precision, recall = arrays.precision[..., _AT_100], arrays.recall
    sizes = {name: AREAS.index(name) for name in ("small", "medium", "large")}
    metrics = {
        "AP": _mean(precision[:, :, :, 0]),
        "AP50": _mean(precision[_IOU_50, :, :, 0]),
        "AP75": _mean(precision[_IOU_75, :, :, 0]),
        **{f"AP_{name}": _mean(precision[..., area]) for name, area in sizes.items()},
        **{f"AR_{n}": _mean(recall[:, :, 0, i]) for i, n in enumerate(MAX_DETECTIONS) if n <= 100},
        **{f"AR_{name}": _mean(recall[:, :, area, _AT_100]) for name, area in sizes.items()},
        **{f"AR_{n}": _mean(recall[:, :, 0, i]) for i, n in enumerate(MAX_DETECTIONS) if n > 100},
    }
    classes = {f"AP/{name}": _mean(precision[:, :, k, 0]) for k, name in enumerate(gt.category_names)}
    return metrics | classes


def curves(arrays: Arrays) -> dict[str, list[float] | None]:
    """Precision at the 101 recalls, averaged over classes: for IoU .50, .75 and the mean of the ten."""
    precision = arrays.precision[:, :, :, 0, _AT_100]
    present = precision[0, 0] > -1
    if not present.any():
        return {"0.50": None, "0.75": None, "mean": None}
    by_threshold = precision[:, :, present].mean(axis=2)
    return {
        "0.50": by_threshold[_IOU_50].tolist(),
        "0.75": by_threshold[_IOU_75].tolist(),
        "mean": by_threshold.mean(axis=0).tolist(),
    }


def _mean(values: NDArray[Any]) -> float | None:
    """The mean over what has ground truth, as pycocotools takes it; -1 marks what has none."""
    present = values[values > -1]
    return float(np.mean(present)) if present.size else None
