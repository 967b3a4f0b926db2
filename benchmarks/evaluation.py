"""How long a study's numbers take: `python -m benchmarks.evaluation [--quick] [--groups]`.

1. metrics alone, this package and pycocotools taking turns on the same run: the ratio (target: 20 or more)
2. 33 runs x 5,000 images x 2,000 resamples, 5 classes, 13 detections an image (60 s and 3 GB on 2 cores); the images
   are 500 groups of 10, drawn whole (`--groups`: this one alone)
3. 33 runs x 5,000 images x 200 resamples, 80 classes, 36,000 boxes, the shape of COCO val2017 (5 minutes)
4. ten times the images (at most twelve times the time)

2 to 4 time `compare`, from detections as columns to the verdicts, with all 12 metrics of all runs. Memory is the peak
of this process and its workers together, shared pages counted once for each (so an upper bound).
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulated import ground_truth, nature, run
from pipeline.evaluation import compare
from pipeline.evaluation.boxes import Detections, GroundTruth
from pipeline.evaluation.engine import accumulate, by_pycocotools
from pipeline.evaluation.metrics import all_metrics

VARIANTS, SEEDS = 11, 3


def main() -> None:
    small = 10 if "--quick" in sys.argv else 1  # a tenth of the images, runs as they are
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}" + (", a tenth" if small > 1 else ""))
    if "--groups" not in sys.argv:
        ratio(images=5000 // small)
    print(report("5 classes", *timed(5000 // small, classes=5, boxes=36_000 // small, resamples=2000, of=10)))
    if "--groups" in sys.argv:
        return
    print(report("80 classes", *timed(5000 // small, classes=80, boxes=36_000 // small, resamples=200)))
    few, _ = timed(500 // small, classes=5, boxes=3600 // small, resamples=500)
    many, _ = timed(5000 // small, classes=5, boxes=36_000 // small, resamples=500)
    print(f"ten times the images: {few:.1f} s and {many:.1f} s, {many / few:.1f} times the time")


def ratio(images: int, rounds: int = 3) -> None:
    """Metrics of one run, in turns; medians."""
    gt, (found,) = study(images, classes=5, boxes=images * 36 // 5, runs=1)
    accumulate(gt, found)  # the probe
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: all_metrics(accumulate(gt, found), gt)))
        theirs.append(seconds(lambda: all_metrics(by_pycocotools(gt, found), gt)))
    fast, slow = statistics.median(ours), statistics.median(theirs)
    print(f"metrics of one run: {fast:.2f} s, pycocotools {slow:.2f} s, ratio {slow / fast:.0f}")


def timed(images: int, classes: int, boxes: int, resamples: int, of: int = 1) -> tuple[float, float]:
    """Seconds and GB of a comparison of 33 runs; `of`: images of a group."""
    gt, found = study(images, classes, boxes, VARIANTS * SEEDS)
    names = ["baseline", *(f"variant {i}" for i in range(1, VARIANTS))]
    runs = {name: {s: found[i * SEEDS + s] for s in range(SEEDS)} for i, name in enumerate(names)}
    with Memory() as memory:
        groups = {i: str(i // of) for i in gt.image_ids.tolist()} if of > 1 else None
        elapsed = seconds(lambda: compare(gt, runs, resamples=resamples, groups=groups))
    return elapsed, memory.peak


def study(images: int, classes: int, boxes: int, runs: int) -> tuple[GroundTruth, list[Detections]]:
    rng = np.random.default_rng(0)
    gt = ground_truth(rng, images, classes, boxes)
    common = nature(rng, gt)
    return gt, [run(rng, gt, common, detections_per_image=13) for _ in range(runs)]


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(name: str, elapsed: float, peak: float) -> str:
    return f"{name}: {VARIANTS * SEEDS} runs compared in {elapsed:.1f} s, at most {peak:.2f} GB"


class Memory:
    """The largest sum of resident memory of this process and its children while the block runs, in GB."""

    def __enter__(self) -> Memory:
        self.peak, self._done = 0.0, threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(0.2):
            self.peak = max(self.peak, sum(map(resident, [os.getpid(), *children(os.getpid())])) / 1e9)


def children(pid: int) -> list[int]:
    return [int(p) for task in Path(f"/proc/{pid}/task").glob("*/children") for p in task.read_text().split()]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0


if __name__ == "__main__":
    main()
