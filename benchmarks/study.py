"""How long a study takes, and what dispatching saves: `python -m benchmarks.study [--part whole|stock|choice|cell]`.

whole: the study of params.yaml by plain `dvc repro`, one cell after the other, and by `dispatch --engine local` as
`make repro` does it, each in a fresh clone, to the last stage. Both must give the same predictions, byte for byte.
stock: some of its cells by MMDetection's own tools/train.py and tools/test.py, one after another, from the very
configs that the plans hold, and by `dispatch`.
choice: cells an hour by how many run at once and how many threads each has.
cell: the training of one cell, its baseline's, image for image beside tools/train.py with MMDetection's own parts, each
with one thread; then the same cell with `channels_last` and `fused`.

Every part is one run of the two sides one after the other, so give it a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clones import PIPELINE, PYTHON, clone, planned, planned_config, predictions, revision, timed, tool
from benchmarks.stock import our_seconds, stock_seconds
from pipeline.common.machine import cores
from pipeline.common.progress import duration

STOCK_VARIANTS, STOCK_SEED = ("baseline", "se", "cbam", "sge"), 0
CHOICES = ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2))  # cells at once, threads of each
CHOICE_VARIANTS, CHOICE_SEEDS, CHOICE_EPOCHS = ("baseline", "se"), [0, 1, 2], 1
CELL_SEEDS, CELL_EPOCHS = [0, 1, 2], 2  # the second is timed


def main(parts: Sequence[str], keep: Path | None) -> None:
    print(f"{cores()} cores; the study of params.yaml at {revision()}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        for part in parts:
            PARTS[part](folder / part)


def whole(folder: Path) -> None:
    plain, dispatched = clone(folder / "plain"), clone(folder / "dispatched")
    one_by_one = timed(plain, "dvc", "repro", "train")
    rest = timed(plain, "dvc", "repro")
    at_once = timed(dispatched, *PIPELINE, "dispatch")
    collected = timed(dispatched, "dvc", "repro", "train")
    the_rest = timed(dispatched, "dvc", "repro")
    ours, theirs = predictions(dispatched), predictions(plain)
    same = sum(ours[cell] == theirs[cell] for cell in theirs.keys() & ours.keys())
    print(f"dvc repro: {duration(one_by_one)} to the last cell, {duration(rest)} from there to the end")
    print(f"dispatch: {duration(at_once)}, collected in {duration(collected)}, {duration(the_rest)} from there")
    print(f"identical predictions: {same} of {len(theirs)} cells")
    print(f"ratio of the cells: {(at_once + collected) / one_by_one:.3f}")
    print(f"ratio to the end: {(at_once + collected + the_rest) / (one_by_one + rest):.3f}", flush=True)


def stock(folder: Path) -> None:
    """Preparing, planning and writing the configs is not counted on either side."""
    project = planned(folder, STOCK_VARIANTS, [STOCK_SEED])
    ours = timed(project, *PIPELINE, "dispatch")
    print(f"dispatch: {duration(ours)} for {', '.join(STOCK_VARIANTS)}, seed {STOCK_SEED}")
    theirs = 0.0
    for variant in STOCK_VARIANTS:
        config, path = planned_config(project, variant), project / f"{variant}.py"
        config.dump(path)
        work = project / f"stock/{variant}"
        options = ["--work-dir", str(work), "--cfg-options", f"randomness.seed={STOCK_SEED}"]
        theirs += timed(project, PYTHON, tool("train.py"), str(path), *options)
        last = str(work / f"epoch_{config.train_cfg.max_epochs}.pth")
        theirs += timed(project, PYTHON, tool("test.py"), str(path), last, *options)
    print(f"stock tools: {duration(theirs)}, with torch's own number of threads")
    print(f"ratio to the stock tools: {ours / theirs:.3f}", flush=True)


def choice(folder: Path) -> None:
    print("cells at once, threads of each, cells an hour")
    for jobs, threads in CHOICES:
        train = {"threads": threads, "epochs": CHOICE_EPOCHS}
        project = planned(folder / f"{jobs}x{threads}", CHOICE_VARIANTS, CHOICE_SEEDS, **train)
        seconds = timed(project, *PIPELINE, "dispatch", "--jobs", str(jobs))
        print(f"{jobs}, {threads}, {3600 * len(predictions(project)) / seconds:.0f}", flush=True)


def cell(folder: Path) -> None:
    plain = planned(folder / "plain", ["baseline"], CELL_SEEDS, epochs=CELL_EPOCHS)
    faster = planned(folder / "faster", ["baseline"], CELL_SEEDS, epochs=CELL_EPOCHS, channels_last=True, fused=True)
    print("seed: seconds an iteration of tools/train.py, of the cell, of the cell with channels_last and fused")
    rounds = []
    for seed in CELL_SEEDS:
        sides = (stock_seconds(plain, "baseline", seed), *(our_seconds(p, "baseline", seed) for p in (plain, faster)))
        print(f"{seed}: " + ", ".join(f"{seconds:.4f}" for seconds in sides), flush=True)
        rounds.append(sides)
    for what, side in (("", 1), (", with channels_last and fused", 2)):
        speed = statistics.median(sides[0] / sides[side] for sides in rounds)
        print(f"training speed of a cell over that of tools/train.py{what}: {speed:.3f}", flush=True)


PARTS = {"whole": whole, "stock": stock, "choice": choice, "cell": cell}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--keep", type=Path, help="a folder for the clones, kept")
    chosen = parser.parse_args()
    main(chosen.part or list(PARTS), chosen.keep)
