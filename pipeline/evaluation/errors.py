"""Error types after TIDE (Bolya et al., A General Toolbox for Identifying Object Detection Errors, ECCV 2020).

Each number is the AP50 that a run would gain were errors of one type mended: Cls wrong class, Loc poor box, Both, Dupe
a second detection of a box, Bkg no box there, Miss a box not found; FP and FN mend all false positives or negatives.
"""

from __future__ import annotations

from collections.abc import Mapping

import hotcoco
import numpy as np

from pipeline.evaluation.boxes import Detections, GroundTruth
from pipeline.evaluation.engine import hotcoco_pair
from pipeline.records.results import ErrorTypes, RunErrors

TYPES = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss", "FP", "FN")


def tide(gt: GroundTruth, detections: Detections) -> RunErrors:
    """Of one run, at IoU .50 and background .10."""
    evaluator = hotcoco.COCOeval(*hotcoco_pair(gt, detections), "bbox")
    evaluator.evaluate()
    found = evaluator.tide_errors()
    return RunErrors(
        delta_ap={name: float(found["delta_ap"][name]) for name in TYPES},
        counts={name: int(found["counts"][name]) for name in TYPES if name in found["counts"]},
    )


def error_types(runs: Mapping[str, Mapping[int, RunErrors]], baseline: str) -> ErrorTypes:
    """From `tide` of every run: the runs, the seed means, and their differences to the baseline."""
    means = {
        variant: {name: float(np.mean([run.delta_ap[name] for run in seeds.values()])) for name in TYPES}
        for variant, seeds in runs.items()
        if seeds
    }
    return ErrorTypes(
        types=list(TYPES),
        baseline=baseline,
        runs={variant: dict(seeds) for variant, seeds in runs.items()},
        mean=means,
        difference={
            variant: {name: row[name] - means[baseline][name] for name in TYPES}
            for variant, row in means.items()
            if variant != baseline and baseline in means
        },
    )
