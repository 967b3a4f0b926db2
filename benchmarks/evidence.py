"""Does the comparison keep its promises? `python -m benchmarks.evidence [--studies 500] [--pairing none|seeds]`.

Studies of simulated detectors (`benchmarks.simulated`) whose truth is known go through the code that judges real
ones. Every study has its own images and ten groups of three seeds:

- nine useless variants against the baseline: how often is any of them called better or worse (family-wise error)
- eight useless ones and one that helps by the mean minimum detectable effect: how often do all nine intervals hold
  the truth (coverage), and how often is the good one called better (power)

A useless variant is as good as the baseline on average; it finds other boxes easy, and its seeds differ as the
baseline's do. `--pairing seeds` judges by paired intervals; `--common` is the share of a run's luck that all cells of
its seed have in common, which those make use of.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulated import ground_truth, nature, run
from pipeline.evaluation.comparison import Comparison, assemble
from pipeline.evaluation.pairing import pairing_gain
from pipeline.evaluation.runs import measure
from pipeline.evaluation.settings import Pairing, Settings

IMAGES, CLASSES, BOXES_PER_IMAGE, DETECTIONS_PER_IMAGE, SEEDS = 300, 2, 4, 8, 3
OWN_TASTE = 0.4  # SD over boxes of what a variant finds easier or harder than the baseline does
REPORT_EVERY = 100
PILOT_GAIN = 0.15  # in quality; about what is looked for
BASELINE, GOOD = "baseline", "good"
USELESS = tuple(f"useless {i}" for i in range(1, 10))


@dataclass(frozen=True)
class World:
    """`luck`: SD of the quality of a run about its variant's, of whose variance `common` is the seed's, not the run's.

    `gain`: quality of the good variant.
    """

    luck: float
    common: float
    pairing: Pairing
    resamples: int
    gain: float = 0.0


@dataclass(frozen=True)
class Study:
    """The nine useless variants, and eight of them with the good one."""

    null: Comparison
    mixed: Comparison


def study(number: int, world: World) -> Study:
    """One study, measured once and compared twice."""
    rng = np.random.default_rng(number)
    gt = ground_truth(rng, IMAGES, CLASSES, IMAGES * BOXES_PER_IMAGE)
    sight, of_seeds = nature(rng, gt), rng.normal(0, world.luck, SEEDS)
    runs = {}
    for name in (BASELINE, *USELESS, GOOD):
        seen = sight.seen_by(rng, OWN_TASTE)
        luck = np.sqrt(world.common) * of_seeds + np.sqrt(1 - world.common) * rng.normal(0, world.luck, SEEDS)
        quality = luck + world.gain * (name == GOOD)
        runs[name] = {s: run(rng, gt, seen, DETECTIONS_PER_IMAGE, quality[s]) for s in range(SEEDS)}
    measured = measure(gt, runs, world.resamples, number)
    settings = Settings(world.resamples, number, pairing=world.pairing)
    compared = partial(assemble, gt, measured, baseline=BASELINE, seeds=range(SEEDS), settings=settings)
    return Study(compared(variants=(BASELINE, *USELESS)), compared(variants=(BASELINE, *USELESS[1:], GOOD)))


def main() -> None:
    options = parse()
    if options.measured:
        print(json.dumps(measured_pairing(options.measured), indent=1))
        return
    started = time.perf_counter()
    world = World(options.luck, options.common, options.pairing, options.resamples)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        pilot = partial(study, world=replace(world, gain=PILOT_GAIN))
        world = calibrated(list(pool.map(pilot, range(10**6, 10**6 + options.pilot))), world)
        print(f"{IMAGES} images, {SEEDS} seeds, {world}", flush=True)
        studies: list[Study] = []
        for found in pool.map(partial(study, world=world), range(options.studies)):
            studies.append(found)
            if len(studies) % REPORT_EVERY == 0 or len(studies) == options.studies:
                print(f"after {len(studies)} studies, {time.perf_counter() - started:.0f} s", flush=True)
                print("\n".join(findings(studies)), flush=True)


def measured_pairing(path: Path) -> dict[str, Any]:
    """What equal seeds did in a real study, from its comparison.json: see `pairing_gain`."""
    variants = json.loads(path.read_text())["variants"]
    most = max(row["n"] for row in variants.values())
    complete = {n: {int(s): ap for s, ap in row["runs"].items()} for n, row in variants.items() if row["n"] == most}
    return pairing_gain(complete)


def calibrated(pilot: Sequence[Study], world: World) -> World:
    """The world whose good variant helps by the mean minimum detectable effect; AP is taken as linear in quality."""
    slope = np.mean([gain(s) for s in pilot]) / PILOT_GAIN
    return replace(world, gain=float(np.mean([s.mixed.minimum_detectable for s in pilot]) / slope))


def gain(study: Study) -> float:
    delta = study.mixed.variants[GOOD].delta
    assert delta is not None
    return delta


def findings(studies: Sequence[Study]) -> list[str]:
    """The printed lines; the true gain is the mean over the studies."""
    truth = float(np.mean([gain(s) for s in studies]))
    wrong = [any(v.verdict in ("better", "worse") for v in s.null.variants.values()) for s in studies]
    held = [all(holds(s.mixed, name, truth * (name == GOOD)) for name in (*USELESS[1:], GOOD)) for s in studies]
    shown = [s.mixed.variants[GOOD].verdict == "better" for s in studies]
    detectable = np.mean([s.mixed.minimum_detectable for s in studies])
    best = [max(v.seed_deltas[0] for n, v in s.null.variants.items() if n != BASELINE) for s in studies]
    return [
        f"AP {np.mean([s.null.variants[BASELINE].mean for s in studies]):.3f}, "
        f"pooled seed SD {np.sqrt(np.mean([(s.null.seed_sd or 0) ** 2 for s in studies])):.4f}, of it "
        f"{np.sqrt(np.mean([s.null.power_basis.seeds for s in studies if s.null.power_basis])):.4f} on any images",
        f"best of nine useless variants with one seed shows +.02 or more: {share([b >= 0.02 for b in best])}",
        f"family-wise error over nine useless variants: {share(wrong)}",
        f"coverage of the simultaneous intervals: {share(held)}",
        f"power at {truth:.4f} AP (printed minimum detectable effect, mean: {detectable:.4f}): {share(shown)}",
    ]


def holds(comparison: Comparison, name: str, truth: float) -> bool:
    row = comparison.variants[name]
    assert row.ci_low is not None
    assert row.ci_high is not None
    return row.ci_low <= truth <= row.ci_high


def share(found: Sequence[bool]) -> str:
    """A share with its binomial standard error."""
    p = float(np.mean(found))
    return f"{p:.3f} ± {np.sqrt(p * (1 - p) / len(found)):.3f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--pilot", type=int, default=40, help="studies that find the gain to simulate")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--luck", type=float, default=0.06, help="0.06 makes a seed SD of about .012 AP")
    parser.add_argument("--common", type=float, default=0.0, help="0.33 is what the demo's seeds have in common")
    parser.add_argument("--pairing", choices=["none", "seeds"], default="none")
    parser.add_argument("--measured", type=Path, help="a comparison.json: print what pairing did there, and stop")
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores by default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
