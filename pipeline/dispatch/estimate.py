"""From timings to what a study takes: time by how many cells run at once, disk, energy."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Mapping

from pipeline.common.paths import Paths
from pipeline.records import Estimate, Plan
from pipeline.records.estimate import Timing
from pipeline.study import Study

COPIES = 3  # of a finished cell's weights: where it trained, where it is collected, in DVC's cache
CHECKPOINTS = 2  # that a cell in training keeps


def timings_of(study: Study, paths: Paths) -> dict[str, Timing]:
    """What `estimate` has measured on this machine, of variants whose plans are still the same."""
    estimate = Estimate.read_if_there(paths.estimate)
    found = {}
    for name, timing in estimate.timings.items() if estimate else ():
        plan = Plan.read_if_there(paths.plan(name)) if name in study.variants else None
        if plan and plan.digest == timing.plan:
            found[name] = timing
    return found


def cell_seconds(study: Study, timings: Mapping[str, Timing]) -> list[float]:
    """Of every cell in the study's order; a variant that was not timed is taken for the mean of the others."""
    mean = statistics.fmean(timing.cell_seconds for timing in timings.values())
    return [timings[cell.variant].cell_seconds if cell.variant in timings else mean for cell in study.cells()]


def makespan(seconds: Iterable[float], at_once: int) -> float:
    """Seconds until the last cell ends, each started in turn as soon as one of `at_once` places is free."""
    ends = [0.0] * at_once
    for taken in seconds:
        heapq.heapreplace(ends, ends[0] + taken)
    return max(ends)


def disk(timings: Iterable[Timing], cells: int, at_once: int) -> float:
    """Bytes at most: weights of all cells and checkpoints of those in training. Predictions are small beside them."""
    largest = list(timings)
    kept = max(timing.weights for timing in largest) * COPIES * cells
    return kept + max(timing.resume for timing in largest) * CHECKPOINTS * at_once
