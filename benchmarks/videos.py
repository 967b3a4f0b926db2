"""Ten videos of twelve near-equal frames: intervals by videos and by frames. `python -m benchmarks.videos`.

Nine variants that are of no use, three seeds each, against a baseline, on pictures of which twelve show almost the
same: a box looks alike to a detector in all frames of its video, and what a variant finds easier there it finds easier
twelve times. Every study is judged twice by the code that judges real ones: with `dataset.group`, which draws whole
videos, and without, as if 120 pictures had been taken by themselves. The true differences are 0. Coverage: how often
all nine intervals hold it; promised is .95.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from benchmarks.evidence import Found, by_this_version, generator, share
from benchmarks.simulated import Nature, ground_truth, nature, run
from benchmarks.worlds import RESAMPLES, SEEDS, VARIANTS, Study, sampled
from pipeline.evaluation.boxes import Detections, Floats, GroundTruth
from pipeline.evaluation.matches import match
from pipeline.evaluation.resampling import draw
from pipeline.evaluation.units import Units

VIDEOS, FRAMES, BOXES = 10, 12, 12  # boxes in a frame


@dataclass(frozen=True)
class Videos:
    """`luck`: SD of a run's quality about its variant's; `taste`: SD over boxes of what a variant finds easier."""

    luck: float = 0.02
    taste: float = 0.4

    def study(self, rng: np.random.Generator) -> Study:
        scenes = ground_truth(rng, VIDEOS, 2, VIDEOS * BOXES)
        gt = _filmed(scenes)
        sight = nature(rng, scenes)
        tables = [[match(gt, found) for found in self._runs(rng, gt, sight)] for _ in range(VARIANTS + 1)]
        video = {i: str((i - 1) // FRAMES) for i in gt.image_ids.tolist()}
        seed = int(rng.integers(2**32))  # of resamples that owe nothing to what was drawn so far
        grouped, alone = (
            sampled(tables, draw(gt, units, RESAMPLES, seed), units.count)
            for units in (Units.of(gt, video), Units.of(gt, None))
        )
        return Study(grouped, np.zeros(VARIANTS + 1), alone)

    def _runs(self, rng: np.random.Generator, gt: GroundTruth, sight: Nature) -> Iterator[Detections]:
        seen = sight.seen_by(rng, self.taste)
        frames = Nature(_each_frame(seen.ease), _each_frame(seen.offset))
        for quality in rng.normal(0, self.luck, SEEDS).tolist():
            yield run(rng, gt, frames, BOXES, quality)


def _each_frame(of_scenes: Floats) -> Floats:
    return np.tile(of_scenes, (FRAMES, *[1] * (of_scenes.ndim - 1)))


def _filmed(scenes: GroundTruth) -> GroundTruth:
    """The boxes of every scene in each of its frames."""
    frame = np.repeat(np.arange(FRAMES), len(scenes.image))
    ids = np.arange(1, VIDEOS * FRAMES + 1)
    return replace(
        scenes,
        image_ids=ids,
        image=np.tile(scenes.image, FRAMES) * FRAMES + frame,
        category=np.tile(scenes.category, FRAMES),
        boxes=_each_frame(scenes.boxes),
        area=_each_frame(scenes.area),
        crowd=np.tile(scenes.crowd, FRAMES),
        images={
            i: {"id": i, "file_name": f"video{(i - 1) // FRAMES}_frame{(i - 1) % FRAMES:02d}.jpg"} for i in ids.tolist()
        },
    )


def judged(number: int) -> tuple[Found, Found]:
    """By videos, and by frames."""
    study = Videos().study(generator(number, "videos"))
    return by_this_version(study), by_this_version(replace(study, sample=study.alone))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores by default")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        pairs = list(pool.map(judged, range(options.studies), chunksize=5))
    print(f"{options.studies} studies of {VIDEOS} videos x {FRAMES} frames, {VARIANTS} useless variants, {SEEDS} seeds")
    print("| resampled | coverage | half-width |")
    print("|---|--:|--:|")
    for name, found in zip((f"{VIDEOS} videos", f"{VIDEOS * FRAMES} frames"), zip(*pairs, strict=True), strict=True):
        print(f"| {name} | {share([f.held for f in found])} | {np.mean([f.half_width for f in found]):.4f} |")


if __name__ == "__main__":
    main()
