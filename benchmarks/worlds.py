"""Worlds whose truth is known: what runs and resamples look like in them.

A world of numbers draws AP and its resamples from their laws: image influences common to a variant's seeds
(`shared`), of a run alone (`run`), and training (`seeds`), all as SDs in AP. That is all that the judgement reads. A
world of detectors draws boxes and detections (`benchmarks.simulated`) and takes AP and its resamples from the code
that reads real ones: slower, and the place for what only real AP does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulated import Nature, ground_truth, nature, run
from pipeline.evaluation.boxes import Detections, Floats, GroundTruth, Ints
from pipeline.evaluation.contrasts import Sample
from pipeline.evaluation.matches import MatchTable, match
from pipeline.evaluation.resampling import Resamples, draw, weighted_ap
from pipeline.evaluation.settings import Pairing
from pipeline.evaluation.units import Units

VARIANTS, SEEDS = 9, 3
RESAMPLES = 200


@dataclass(frozen=True)
class Study:
    """`truth` (G,) is each group's true difference to the baseline; NaN where nobody says what it is.

    `alone`: the same runs with images resampled one by one, as the first version did.
    """

    sample: Sample
    truth: Floats
    alone: Sample


@dataclass(frozen=True)
class Numbers:
    """SDs in AP. `sds` are factors on the training SD of single groups, `shared_sds` on their image SD.

    `common` is the share of the training variance that all cells of a seed have in common, `alike` that which the
    variants have in common and the baseline does not. `collapsed` variants learn nothing; `diverged` is a group whose
    first seed is lost. `effect` is that of the last variant.
    """

    shared: float = 0.004
    run: float = 0.004
    seeds: float = 0.010
    images: int = 300
    k: int = SEEDS
    baseline_seeds: int = SEEDS
    pairing: Pairing = "none"
    sds: tuple[tuple[int, float], ...] = ()
    shared_sds: tuple[tuple[int, float], ...] = ()
    common: float = 0.0
    alike: float = 0.0
    collapsed: int = 0
    diverged: int | None = None
    effect: float = 0.0

    def study(self, rng: np.random.Generator) -> Study:
        groups, columns = VARIANTS + 1, max(self.k, self.baseline_seeds)
        shared, training = np.full(groups, self.shared), np.full(groups, self.seeds)
        for g, factor in self.shared_sds:
            shared[g] *= factor
        for g, factor in self.sds:
            training[g] *= factor
        image = rng.standard_normal((groups, 1, self.images)) * shared[:, None, None]
        image = (image + rng.standard_normal((groups, columns, self.images)) * self.run) / np.sqrt(self.images)
        luck = self._luck(rng, groups, columns) * training[:, None]
        which = rng.integers(0, self.images, (RESAMPLES, self.images)) + self.images * np.arange(RESAMPLES)[:, None]
        weights = np.bincount(which.ravel(), minlength=self.images * RESAMPLES).reshape(RESAMPLES, -1).T
        truth = np.zeros(groups)
        truth[-1] = self.effect
        rest = 0.35 + luck + truth[:, None]
        points, drawn = rest + image.sum(axis=2), rest[..., None] + image @ weights
        if self.collapsed:
            lost = slice(1, 1 + self.collapsed)
            points[lost] = np.abs(rng.normal(0, 1e-5, points[lost].shape))
            drawn[lost] = points[lost][..., None]
            truth[lost] = np.nan
        if self.diverged is not None:
            drawn[self.diverged, 0] -= points[self.diverged, 0, None] - 0.01
            points[self.diverged, 0] = 0.01
            truth[self.diverged] = np.nan
        points[1:, self.k :], drawn[1:, self.k :] = np.nan, np.nan
        points[0, self.baseline_seeds :], drawn[0, self.baseline_seeds :] = np.nan, np.nan
        sample = Sample(points, drawn, self.images, self.pairing)
        return Study(sample, truth, sample)

    def _luck(self, rng: np.random.Generator, groups: int, columns: int) -> Floats:
        """(G, K) with variance 1."""
        own = rng.standard_normal((groups, columns))
        of_seeds = np.sqrt(self.common) * rng.standard_normal(columns) + np.sqrt(1 - self.common) * own
        of_variants = np.sqrt(self.alike) * rng.standard_normal(columns) + np.sqrt(1 - self.alike) * own
        return np.vstack([of_seeds[:1], of_variants[1:]]) if self.alike else of_seeds


@dataclass(frozen=True)
class Detectors:
    """`luck`: SD of a run's quality about its variant's; `taste`: SD over boxes of what a variant finds easier.

    `clips` of equal size make up the images; `clip_taste` is the SD over clips of what a variant finds easier.
    `quality` moves all runs: AP nears 0 or 1. `rare` leaves so many boxes of the last class. `lost` variants detect
    strangers alone.
    """

    images: int = 60
    boxes: int = 240
    detections_per_image: float = 5
    luck: float = 0.06
    taste: float = 0.4
    clips: int = 0
    clip_taste: float = 0.0
    quality: float = 0.0
    rare: int | None = None
    lost: int = 0

    def study(self, rng: np.random.Generator) -> Study:
        gt = ground_truth(rng, self.images, 2, self.boxes)
        if self.rare is not None:
            kept = np.flatnonzero(gt.category == 1)[self.rare :]
            gt.category[kept] = 0
        clip = np.arange(self.images) * max(self.clips, 1) // self.images
        units = Units(clip, self.clips, True) if self.clips else Units.of(gt, None)
        sight = nature(rng, gt)
        runs = [self._runs(rng, gt, sight, clip, lost=1 <= g <= self.lost) for g in range(VARIANTS + 1)]
        tables = [[match(gt, found) for found in group] for group in runs]
        seed = int(rng.integers(2**32))  # of resamples that owe nothing to what was drawn so far
        sample = sampled(tables, draw(gt, units, RESAMPLES, seed), units.count)
        alone = sampled(tables, draw(gt, Units.of(gt, None), RESAMPLES, seed), self.images) if self.clips else sample
        truth = np.zeros(VARIANTS + 1)
        truth[1 : 1 + self.lost] = np.nan
        return Study(sample, truth, alone)

    def _runs(
        self, rng: np.random.Generator, gt: GroundTruth, sight: Nature, clip: Ints, lost: bool
    ) -> list[Detections]:
        seen = sight.seen_by(rng, self.taste)
        of_clips = rng.normal(0, self.clip_taste, max(self.clips, 1))
        seen = Nature(seen.ease + of_clips[clip[gt.image]], seen.offset)
        quality = self.quality + rng.normal(0, self.luck, SEEDS) - (100.0 if lost else 0.0)
        return [run(rng, gt, seen, self.detections_per_image, q) for q in quality.tolist()]


def sampled(tables: Sequence[Sequence[MatchTable]], drawn: Resamples, units: int) -> Sample:
    """AP over all areas alone: a quarter of what a comparison measures."""
    everything = Resamples(drawn.weights, drawn.positives[:1])
    ap = np.array([[np.nanmean(weighted_ap(_all_areas(t), everything)[0], axis=(0, 1)) for t in g] for g in tables])
    return Sample(ap[..., 0], ap[..., 1:], units)


def _all_areas(table: MatchTable) -> MatchTable:
    return replace(table, true_positive=table.true_positive[:1], counted=table.counted[:1])


World = Numbers | Detectors
WORLDS: dict[str, World] = {
    "plain": Numbers(),
    "six baseline seeds": Numbers(baseline_seeds=6),
    "luck 0: images alone": Numbers(shared=0.02, run=0.02, seeds=1e-6),
    "one variant of another taste": Numbers(shared=0.012, seeds=0.005, shared_sds=((1, 3.0),)),
    "collapsed 3 of 9": Numbers(collapsed=3),
    "collapsed 5 of 9": Numbers(collapsed=5),
    "baseline SD x 3": Numbers(sds=((0, 3.0),)),
    "one diverged seed": Numbers(diverged=1),
    "pairing, common luck 0": Numbers(pairing="seeds"),
    "pairing, common luck .33": Numbers(pairing="seeds", common=0.33),
    "pairing, common luck 1": Numbers(pairing="seeds", common=1.0),
    "pairing, variants alike .5": Numbers(pairing="seeds", alike=0.5),
    "pairing, variants alike .8": Numbers(pairing="seeds", alike=0.8),
    "detectors": Detectors(),
    "detectors, luck 0": Detectors(luck=0.0),
    "clips, strong": Detectors(120, 360, 4, clips=30, clip_taste=0.5),
    "clips, weak": Detectors(120, 360, 4, clips=30, clip_taste=0.12),
    "20 images": Detectors(images=20, boxes=160),
    "rare class: 30 boxes": Detectors(rare=30),
    "AP near 0": Detectors(quality=-2.2),
    "AP near 1": Detectors(quality=4.5, detections_per_image=4),
    "detectors, 3 of 9 see nothing": Detectors(lost=3),
}
