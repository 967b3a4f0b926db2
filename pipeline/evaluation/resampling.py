"""AP of image-weighted resamples, from the match table.

A resample draws V images (or groups of images, `units`) with replacement; an image drawn w times counts w times. Then
AP needs no new matching: with weights, the counts of true and false positives are sums of weights over the detections
in falling score, precision is made monotone from the right, and read at 101 recalls, as in `COCOeval.accumulate`.

`sweep` does that from the last detection to the first, for all resamples and thresholds side by side. Going backward,
the envelope of precision is a running maximum, and each rise of it counts for all recalls that are reached there.
Precision only rises along a run of true positives, so it is looked at only at the last one of each run: the peaks.

Shapes: A = 4 areas, T = 10 thresholds, K classes, V images, B resamples, N detections of a class.

Where detections of one image and class tie in score, a weight of 2 means a a b b; a physical copy of the image gives
a b a b to pycocotools. Nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from pipeline.evaluation.boxes import Bools, Floats, GroundTruth, Ints
from pipeline.evaluation.matches import MatchTable, positives
from pipeline.evaluation.units import Units

Roles = dict[int, list[slice]]

CHUNK = 2000  # resamples at a time: wide rows spare calls, and the state stays in the cache


@dataclass(frozen=True)
class Resamples:
    """Weights of images, shared by all runs, so that comparisons are paired in the images."""

    weights: Floats  # (V, B) how often an image was drawn
    positives: Floats  # (A, K, B) weighted boxes that count


def draw(gt: GroundTruth, units: Units, resamples: int, seed: int) -> Resamples:
    """The images as they are, then `resamples` draws of as many units as there are, with equal chances.

    An image has the weight of its unit.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((units.count, resamples + 1))
    for i in range(1, resamples + 1):
        weights[:, i] = np.bincount(rng.integers(0, units.count, units.count), minlength=units.count)
    return weighted(gt, weights[units.of_image] if units.grouped else weights)


def weighted(gt: GroundTruth, weights: NDArray[np.float64]) -> Resamples:
    """Resamples with the given weights (V, B), whole numbers."""
    return Resamples(weights, positives(gt) @ weights)


def weighted_ap(table: MatchTable, resamples: Resamples) -> Floats:
    """(A, T, K, B): AP of every resample; NaN where a class has no box in it."""
    areas, classes, total = resamples.positives.shape
    ap = np.zeros((areas, table.counted.shape[1], classes, total))
    bounds = np.searchsorted(table.category, np.arange(classes + 1))
    edges = np.linspace(0, total, max(round(total / CHUNK), 1) + 1).astype(int).tolist()
    columns = [slice(*ends) for ends in pairwise(edges)]
    chunks = [np.ascontiguousarray(resamples.weights[:, chunk]) for chunk in columns]
    for k in range(classes):
        rows = slice(bounds[k], bounds[k + 1])
        for area in range(areas):
            ranking = Ranking.of(table.true_positive[area, :, rows], table.counted[area, :, rows], table.image[rows])
            for chunk, weights in zip(columns, chunks, strict=True):
                ap[area, :, k, chunk] = sweep(ranking, weights, resamples.positives[area, k, chunk])
    ap[np.broadcast_to(resamples.positives[:, None] == 0, ap.shape)] = np.nan
    return ap


@dataclass(frozen=True)
class Ranking:
    """Detections of one class and area that count, in falling score, up to the last true positive.

    The thresholds at which a detection has a role are slices, since neighbours agree, by its place in the ranking.
    """

    image: list[int]
    always: list[bool]  # counted at every threshold
    sometimes: Roles  # else, where it is counted
    right: Roles  # where it is a true positive
    peak: Roles  # where it is the last true positive before a false one
    total_always: csr_matrix  # (1, V) how many of each image are always counted,
    total_sometimes: csr_matrix  # (T, V) sometimes,
    total_right: csr_matrix  # (T, V) and right

    @staticmethod
    def of(true_positive: Bools, counted: Bools, image: Ints) -> Ranking:
        """From (T, N), (T, N) and (N,)."""
        end = int(np.flatnonzero(true_positive.any(axis=0)).max(initial=-1)) + 1
        kept = np.flatnonzero(counted[:, :end].any(axis=0))
        true_positive, counted, image = true_positive[:, kept], counted[:, kept], image[kept]
        always: Bools = np.logical_and.reduce(counted, axis=0)
        sometimes = counted & ~always
        return Ranking(
            image=image.tolist(),
            always=always.tolist(),
            sometimes=_slices(sometimes),
            right=_slices(true_positive),
            peak=_slices(_peaks(true_positive, counted)),
            total_always=_by_image(always[None], image),
            total_sometimes=_by_image(sometimes, image),
            total_right=_by_image(true_positive, image),
        )


def sweep(ranking: Ranking, weights: Floats, n_positive: Floats) -> Floats:
    """(T, B) from weights (V, B) and the weighted number of boxes (B,); 0 where there is none."""
    boxes = np.maximum(n_positive, 1)
    images = ranking.total_always.shape[1]
    true = ranking.total_right @ weights[:images]  # (T, B), of all detections up to where the sweep is
    counted = (ranking.total_always @ weights[:images])[0]  # (B,)
    more = ranking.total_sometimes @ weights[:images]  # (T, B)
    envelope, area = np.zeros_like(true), np.zeros_like(true)
    x, y, z, u, mask = (np.empty_like(true, dtype) for dtype in (float, float, float, float, bool))
    with np.errstate(invalid="ignore"):  # 0 / 0 before the first detection that was drawn; fmax passes it over
        for n in range(len(ranking.image) - 1, -1, -1):
            weight = weights[ranking.image[n]]
            for t in ranking.peak.get(n, ()):
                some = slice(t.stop - t.start)  # always the first rows, which are in the cache
                right, top = true[t], envelope[t]
                total = np.add(counted, more[t], out=x[some])
                rise = np.subtract(np.divide(right, total, out=total), top, out=total)
                np.fmax(rise, 0, out=rise)
                np.add(top, rise, out=top)
                reached = _recalls_reached(np.divide(right, boxes, out=y[some]), z[some], u[some], mask[some])
                np.add(area[t], np.multiply(rise, reached, out=rise), out=area[t])
            for t in ranking.right.get(n, ()):
                np.subtract(true[t], weight, out=true[t])
            for t in ranking.sometimes.get(n, ()):
                np.subtract(more[t], weight, out=more[t])
            if ranking.always[n]:
                counted -= weight
    return area / 101


def _recalls_reached(recall: Floats, out: Floats, work: Floats, mask: Bools) -> Floats:
    """How many of the 101 recalls are at most `recall`: the nearest one is compared as pycocotools compares it.

    `np.linspace(0, 1, 101)[i]` is `i * 0.01` to the bit.
    """
    nearest = np.rint(np.multiply(recall, 100, out=out), out=out)
    return np.add(nearest, np.less_equal(np.multiply(nearest, 0.01, out=work), recall, out=mask), out=out)


def _peaks(true_positive: Bools, counted: Bools) -> Bools:
    """(T, N): true positives that the next counted detection does not follow with another."""
    peak = np.zeros_like(true_positive)
    for t, (right, used) in enumerate(zip(true_positive, counted, strict=True)):
        where = np.flatnonzero(used)
        peak[t, where] = right[where] & ~np.append(right[where[1:]], False)[: len(where)]
    return peak


def _slices(mask: Bools) -> Roles:
    """For each column of (T, N) that has any, its runs of True."""
    edges = np.diff(mask.astype(np.int8), axis=0, prepend=0, append=0).T  # (N, T + 1)
    column, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    found: Roles = {}
    for n, first, last in zip(column.tolist(), start.tolist(), stop.tolist(), strict=True):
        found.setdefault(n, []).append(slice(first, last))
    return found


def _by_image(mask: Bools, image: Ints) -> csr_matrix:
    """(T, V): how many columns of (T, N) are True for each image."""
    row, column = np.nonzero(mask)
    shape = (len(mask), int(image.max(initial=-1)) + 1)
    return csr_matrix((np.ones(len(row)), (row, image[column])), shape=shape)


def metric_rows(ap: Floats, names: tuple[str, ...]) -> Iterator[tuple[str, Floats]]:
    """The metrics of (A, T, K, B) that are compared, each (B,); NaN where nothing in a resample defines it."""
    everything = ap[0]
    yield "AP", _mean(everything)
    yield "AP50", _mean(everything[:1])
    yield "AP75", _mean(everything[5:6])
    for area, size in enumerate(("small", "medium", "large"), start=1):
        yield f"AP_{size}", _mean(ap[area])
    for k, name in enumerate(names):
        yield f"AP/{name}", _mean(everything[:, k : k + 1])


def _mean(ap: Floats) -> Floats:
    """Mean of (T, K, B) over thresholds and those classes that have boxes."""
    present = ~np.isnan(ap[0])  # (K, B)
    counted = present.sum(axis=0)
    total = np.where(present, ap, 0.0).sum(axis=(0, 1))
    return np.where(counted > 0, total / np.maximum(counted * len(ap), 1), np.nan)
