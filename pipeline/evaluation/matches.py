"""The match table: which detections of a run are right, at 10 IoU thresholds and 4 area ranges.

Matching does not depend on how images are weighted, so it is done once; every resample reuses it. The rules are
those of `COCOeval.evaluateImg`, for all images, thresholds and areas at once: in each image and class detections
choose in falling score, each the box of highest IoU not yet taken, boxes that count before boxes that are ignored, the
later box where two tie; crowds can be chosen again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.common.coco import MEDIUM, SMALL
from pipeline.evaluation.boxes import Bools, Detections, Floats, GroundTruth, Ints

MAX_DETECTIONS = 100  # an image and class
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
LARGEST = 1e5**2
AREA_RANGES = np.array([[0, LARGEST], [0, SMALL], [SMALL, MEDIUM], [MEDIUM, LARGEST]])  # all, small, medium, large


@dataclass(frozen=True)
class MatchTable:
    """Detections by class, falling score, then image: A = 4 areas, T = 10 thresholds, D detections, K classes."""

    image: Ints  # (D,)
    category: Ints  # (D,) ascending
    boxes: Floats  # (D, 4) x, y, width, height in pixels
    score: Floats  # (D,)
    true_positive: Bools  # (A, T, D)
    counted: Bools  # (A, T, D) true or false positive; the rest is ignored
    box: Ints  # (D,) the ground truth's box that was chosen at IoU .50 among boxes of all areas, -1 where none was


def positives(gt: GroundTruth) -> Ints:
    """(A, K, V): boxes that count in each area range, class and image."""
    counts = np.zeros((len(AREA_RANGES), len(gt.category_ids), len(gt.image_ids)), np.int64)
    for area, ignored in enumerate(_ignored(gt)):
        np.add.at(counts[area], (gt.category[~ignored], gt.image[~ignored]), 1)
    return counts


def match(gt: GroundTruth, detections: Detections) -> MatchTable:
    """Match one run. Bit-equal to pycocotools' `evalImgs` at maxDets 100."""
    found = detections.take(_best_of_each_image(gt, detections))
    matched, ignored, box = _greedy(gt, found)
    area = found.boxes[:, 2] * found.boxes[:, 3]
    outside = (area < AREA_RANGES[:, :1]) | (area > AREA_RANGES[:, 1:])
    ignored |= ~matched & outside[:, None, :]
    order = np.lexsort((-found.score, found.category))  # stable: ties stay in the order of images
    return MatchTable(
        image=found.image[order],
        category=found.category[order],
        boxes=found.boxes[order],
        score=found.score[order],
        true_positive=(matched & ~ignored)[:, :, order],
        counted=~ignored[:, :, order],
        box=box[order],
    )


def _ignored(gt: GroundTruth) -> Bools:
    """(A, G): crowds, and boxes outside the area range."""
    outside = (gt.area < AREA_RANGES[:, :1]) | (gt.area > AREA_RANGES[:, 1:])
    return gt.crowd | outside


def _best_of_each_image(gt: GroundTruth, detections: Detections) -> Ints:
    """Index of at most 100 detections of each image and class, by image, class and falling score."""
    order = np.lexsort((-detections.score, detections.category, detections.image))
    group = detections.image[order] * len(gt.category_ids) + detections.category[order]
    return order[_rank_within(group) < MAX_DETECTIONS]


def _rank_within(group: Ints) -> Ints:
    """0, 1, 2, ... within each run of equal values."""
    return np.arange(len(group)) - np.searchsorted(group, group)


def _greedy(gt: GroundTruth, found: Detections) -> tuple[Bools, Bools, Ints]:
    """(A, T, D) twice: matched at all, and matched with an ignored box; (D,): `MatchTable.box`.

    Detections of equal rank within their image and class choose at the same time: they cannot want the same box.
    """
    detection, box, iou = _overlaps(gt, found)
    shape = (len(AREA_RANGES), len(IOU_THRESHOLDS))
    matched = np.zeros((*shape, len(found.score)), np.bool_)
    with_ignored = np.zeros_like(matched)
    first = np.full(len(found.score), -1)
    taken = np.zeros((*shape, len(gt.area)), np.bool_)
    ignored = _ignored(gt)
    by_preference = np.lexsort((box, iou))  # higher IoU, then the later box
    preference = np.empty(len(iou), np.int64)
    preference[by_preference] = np.arange(len(iou))
    chooser, first_pair = np.unique(detection, return_index=True)
    rank = _rank_within((found.image * len(gt.category_ids) + found.category)[chooser])
    pairs_of = np.diff(first_pair, append=len(iou))
    rank_of_pair = np.repeat(rank, pairs_of)
    for step in range(rank.max(initial=-1) + 1):
        pair = np.flatnonzero(rank_of_pair == step)
        now, starts = np.unique(detection[pair], return_index=True)
        free = ~taken[:, :, box[pair]] | gt.crowd[box[pair]]
        allowed = free & (iou[pair] >= IOU_THRESHOLDS[:, None])
        counts = ~ignored[:, None, box[pair]]
        value = np.where(allowed, preference[pair] + len(iou) * counts, -1)
        best = np.maximum.reduceat(value, starts, axis=2)  # (A, T, now)
        matched[:, :, now] = best >= 0
        with_ignored[:, :, now] = (best >= 0) & (best < len(iou))
        area, threshold, which = np.nonzero(best >= 0)
        chosen = by_preference[best[area, threshold, which] % len(iou)]
        taken[area, threshold, box[chosen]] = True
        plain = (area == 0) & (threshold == 0)
        first[now[which[plain]]] = box[chosen[plain]]
    return matched, with_ignored, first


def _overlaps(gt: GroundTruth, found: Detections) -> tuple[Ints, Ints, Floats]:
    """All pairs of a detection and a box of its image and class with IoU of .5 or more: (P,) each, by detection.

    Boxes within a group keep the order of the file. The arithmetic is that of pycocotools' `bbIou`, to the bit; with a
    crowd the union is the detection alone.
    """
    classes = len(gt.category_ids)
    group = gt.image * classes + gt.category
    order = np.argsort(group, kind="stable")
    wanted = found.image * classes + found.category
    start = np.searchsorted(group[order], wanted, "left")
    count = np.searchsorted(group[order], wanted, "right") - start
    detection = np.repeat(np.arange(len(wanted)), count)
    offset = np.arange(len(detection)) - np.repeat(np.cumsum(count) - count, count)
    box = order[np.repeat(start, count) + offset]
    d, g = found.boxes[detection], gt.boxes[box]
    width = np.minimum(d[:, 2] + d[:, 0], g[:, 2] + g[:, 0]) - np.maximum(d[:, 0], g[:, 0])
    height = np.minimum(d[:, 3] + d[:, 1], g[:, 3] + g[:, 1]) - np.maximum(d[:, 1], g[:, 1])
    overlap = np.where((width > 0) & (height > 0), width * height, 0.0)
    area = d[:, 2] * d[:, 3]
    union = np.where(gt.crowd[box], area, area + g[:, 2] * g[:, 3] - overlap)
    iou = np.divide(overlap, union, out=np.zeros_like(overlap), where=overlap > 0)
    near = iou >= IOU_THRESHOLDS[0]
    return detection[near], box[near], iou[near]
