"""AP of image-weighted resamples, from the match table.

A resample draws V images with replacement; an image drawn w times counts w times. Then AP needs no new matching: with
weights, cumulative counts of true and false positives are cumulative sums of weights over the detections in falling
score, precision is made monotone from the right, and read at 101 recalls, as in `COCOeval.accumulate`.

The work is proportional to peaks: precision only rises along a run of true positives, so the envelope is
decided at the last one of each run, and everything between two peaks is one sum. Shapes: A = 4 areas, T = 10
thresholds, K classes, V images, B resamples, P peaks, E = positions that are a true positive at any threshold.

Where detections of one image and class tie in score, a weight of 2 means A A B B; a physical copy of the image
gives A B A B to pycocotools. Nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from pipeline.evaluation.boxes import Bools, Floats, GroundTruth, Ints
from pipeline.evaluation.matches import MatchTable, positives
from pipeline.evaluation.metrics import RECALLS

BLOCK = 16  # rows that are accumulated together, to spare calls
CHUNK = 250  # resamples at a time, to stay in the cache


@dataclass(frozen=True)
class Resamples:
    """Weights of images, shared by all runs, so that comparisons are paired in the images."""

    chunks: tuple[Floats, ...]  # each (V, <= CHUNK): how often an image was drawn
    positives: Floats  # (A, K, B) weighted boxes that count


def draw(gt: GroundTruth, resamples: int, seed: int) -> Resamples:
    """The images as they are, then `resamples` draws of the multinomial with V trials and equal chances."""
    images = len(gt.image_ids)
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)
    return weighted(gt, np.column_stack([np.ones(images), drawn.T]))


def weighted(gt: GroundTruth, weights: NDArray[np.float64]) -> Resamples:
    """Resamples with the given weights (V, B)."""
    return Resamples(
        chunks=tuple(np.ascontiguousarray(weights[:, i : i + CHUNK]) for i in range(0, weights.shape[1], CHUNK)),
        positives=positives(gt) @ weights,
    )


def weighted_ap(table: MatchTable, resamples: Resamples) -> Floats:
    """(A, T, K, B): AP of every resample; NaN where a class has no box in it."""
    areas, classes, total = resamples.positives.shape
    ap = np.zeros((areas, table.counted.shape[1], classes, total))
    bounds = np.searchsorted(table.category, np.arange(classes + 1))
    for k in range(classes):
        rows = slice(bounds[k], bounds[k + 1])
        for area in range(areas):
            curve = _Curve(table.true_positive[area, :, rows], table.counted[area, :, rows], table.image[rows])
            ap[area, :, k] = curve.ap(resamples, resamples.positives[area, k])
    ap[np.broadcast_to(resamples.positives[:, None] == 0, ap.shape)] = np.nan
    return ap


class _Curve:
    """The precision-recall curves of one class and area, as sums over images between peaks."""

    def __init__(self, true_positive: Bools, counted: Bools, image: Ints) -> None:
        """`true_positive` and `counted` are (T, N), `image` is (N,), in falling score."""
        events = np.flatnonzero(true_positive.any(axis=0))
        always = np.flatnonzero(counted.all(axis=0))
        self.shared = _between(always, events, image)
        self.thresholds = [
            _Peaks.of(found, used, always, events, image) for found, used in zip(true_positive, counted, strict=True)
        ]

    def ap(self, resamples: Resamples, n_positive: Floats) -> Floats:
        """(T, B)"""
        ap = np.zeros((len(self.thresholds), len(n_positive)))
        end = 0
        for weights in resamples.chunks:
            start, end = end, end + weights.shape[1]
            shared = _running_sum(self.shared, weights)
            for t, peaks in enumerate(self.thresholds):
                if peaks is not None:
                    ap[t, start:end] = peaks.ap(weights, shared, np.maximum(n_positive[start:end], 1))
        return ap


@dataclass(frozen=True)
class _Peaks:
    """One IoU threshold: what must be summed to know recall and precision at each peak."""

    true: csr_matrix  # (P, V) true positives since the peak before
    sometimes: csr_matrix | None  # (P, V) detections counted here but not at every threshold
    event: Ints  # (P,) the row of the shared sums

    @staticmethod
    def of(true_positive: Bools, counted: Bools, always: Ints, events: Ints, image: Ints) -> _Peaks | None:
        used = np.flatnonzero(counted)
        right = true_positive[used]
        if not right.any():
            return None
        peaks = used[right & ~np.append(right[1:], False)]
        sometimes = np.setdiff1d(used, always, assume_unique=True)
        event = np.searchsorted(events, peaks)
        return _Peaks(
            true=_between(used[right], peaks, image),
            sometimes=_between(sometimes, peaks, image) if sometimes.size else None,
            event=np.append(event, np.repeat(event[-1], -len(peaks) % BLOCK)),
        )

    def ap(self, weights: Floats, shared: Floats, n_positive: Floats) -> Floats:
        """(B,) from weights (V, B), the shared sums (E, B) and the number of boxes (B,)."""
        true = _running_sum(self.true, weights)
        total = shared[self.event]
        if self.sometimes is not None:
            total += _running_sum(self.sometimes, weights)
        total += np.spacing(1)  # as pycocotools: 0 / 0 is 0
        precision = np.divide(true, total, out=total)
        _accumulate(np.maximum, _blocks(precision)[::-1, ::-1])
        reached = _recalls_reached(np.divide(true, n_positive, out=true))
        reached[1:] -= reached[:-1].copy()
        return np.einsum("pb,pb->b", precision, reached) / len(RECALLS)


def _recalls_reached(recall: Floats) -> Floats:
    """How many of the 101 recalls are at most `recall`, elementwise; the last one is compared as pycocotools does."""
    nearest = np.rint(recall * (len(RECALLS) - 1))
    nearest += np.take(RECALLS, nearest.astype(np.intp)) <= recall
    return nearest


def _between(positions: Ints, ends: Ints, image: Ints) -> csr_matrix:
    """(rows, V): row i counts, by image, the positions after ends[i - 1] up to ends[i]; padded to whole blocks."""
    inside = positions[: np.searchsorted(positions, ends[-1], "right")] if len(ends) else positions[:0]
    rows = len(ends) + -len(ends) % BLOCK
    starts = np.full(rows + 1, len(inside))
    starts[: len(ends)] = np.concatenate([[0], np.searchsorted(inside, ends[:-1], "right")]) if len(ends) else 0
    images = int(image.max(initial=-1)) + 1
    return csr_matrix((np.ones(len(inside)), image[inside], starts), shape=(rows, images))


def _running_sum(counts: csr_matrix, weights: Floats) -> Floats:
    """(rows, B): weights of all images counted up to each row."""
    total = counts @ weights[: counts.shape[1]]
    _accumulate(np.add, _blocks(total))
    return total


def _blocks(rows: Floats) -> Floats:
    """(P, B) as (P / BLOCK, BLOCK, B), the same memory."""
    return rows.reshape(-1, BLOCK, rows.shape[1])


def _accumulate(ufunc: np.ufunc, blocks: Floats) -> None:
    """`ufunc.accumulate` over the rows, in place: within blocks first, then over their last rows.

    numpy's own accumulate along the first axis walks column by column, which is five times slower.
    """
    for i in range(1, BLOCK):
        ufunc(blocks[:, i], blocks[:, i - 1], out=blocks[:, i])
    last = blocks[:, -1]
    for i in range(1, len(last)):
        ufunc(last[i], last[i - 1], out=last[i])
    ufunc(blocks[1:, :-1], last[:-1, None], out=blocks[1:, :-1])


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
