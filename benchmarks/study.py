"""How long a study takes, and what dispatching saves: `python -m benchmarks.study [--part whole|stock|choice]`.

whole: the study of params.yaml by plain `dvc repro`, one cell after the other, and by `dispatch --engine local` as
`make repro` does it, each in a fresh clone, to the last stage. Both must give the same predictions, byte for byte.
stock: some of its cells by MMDetection's own tools/train.py and tools/test.py, one after another, from the very
configs that the plans hold, and by `dispatch`.
choice: cells an hour by how many run at once and how many threads each has.

Every part is one run of the two sides one after the other, so give it a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.common.files import read_json
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.common.progress import duration
from pipeline.records import Plan
from pipeline.study.code import ROOT

STOCK_VARIANTS, STOCK_SEED = ("baseline", "se", "cbam", "sge"), 0
CHOICES = ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2))  # cells at once, threads of each
PYTHON = sys.executable
PIPELINE = (PYTHON, "-m", "pipeline")
CHOICE_VARIANTS, CHOICE_SEEDS, CHOICE_EPOCHS = ("baseline", "se"), [0, 1, 2], 1


def main(parts: Sequence[str], keep: Path | None) -> None:
    print(f"{cores()} cores; the study of params.yaml at {_revision()}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        for part in parts:
            {"whole": whole, "stock": stock, "choice": choice}[part](folder / part)


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
    import mmdet

    project = planned(folder, STOCK_VARIANTS, [STOCK_SEED])
    ours = timed(project, *PIPELINE, "dispatch")
    print(f"dispatch: {duration(ours)} for {', '.join(STOCK_VARIANTS)}, seed {STOCK_SEED}")
    tools, theirs = Path(mmdet.__file__).parent / ".mim/tools", 0.0
    for variant in STOCK_VARIANTS:
        config, epochs = dump(project, variant)
        work = project / f"stock/{variant}"
        options = ["--work-dir", str(work), "--cfg-options", f"randomness.seed={STOCK_SEED}"]
        theirs += timed(project, PYTHON, str(tools / "train.py"), str(config), *options)
        last = str(work / f"epoch_{epochs}.pth")
        theirs += timed(project, PYTHON, str(tools / "test.py"), str(config), last, *options)
    print(f"stock tools: {duration(theirs)}, with torch's own number of threads")
    print(f"ratio to the stock tools: {ours / theirs:.3f}", flush=True)


def choice(folder: Path) -> None:
    print("cells at once, threads of each, cells an hour")
    for jobs, threads in CHOICES:
        train = {"threads": threads, "epochs": CHOICE_EPOCHS}
        project = planned(folder / f"{jobs}x{threads}", CHOICE_VARIANTS, CHOICE_SEEDS, **train)
        seconds = timed(project, *PIPELINE, "dispatch", "--jobs", str(jobs))
        print(f"{jobs}, {threads}, {3600 * len(predictions(project)) / seconds:.0f}", flush=True)


def clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def planned(folder: Path, variants: Sequence[str], seeds: list[int], **train: Any) -> Path:
    """A clone with some of the study's variants and another schedule, prepared and planned."""
    project = clone(folder)
    params = YAML(typ="safe").load(project / "params.yaml")
    chosen = {name: params["variants"][name] for name in variants}
    changed = {**params, "variants": chosen, "seeds": seeds, "train": {**params["train"], **train}}
    YAML().dump(changed, project / "params.yaml")
    timed(project, "dvc", "repro", "--single-item", "prepare", "plan")
    return project


def timed(project: Path, *command: str) -> float:
    """Seconds that a command takes in a clone; what it says goes to bench.log there."""
    with (project / "bench.log").open("a") as log:
        began = time.perf_counter()
        result = subprocess.run(command, cwd=project, env=environment(project), stdout=log, stderr=log, check=False)
    if result.returncode:
        raise failed(" ".join(command), project / "bench.log")
    return time.perf_counter() - began


def failed(what: str, log: Path) -> SystemExit:
    return SystemExit(f"{what} failed:\n{log.read_text()[-3000:]}")


def environment(project: Path) -> dict[str, str]:
    """Of commands in a clone: this Python, the clone's own code, cells with the threads that are planned."""
    return {
        **{key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"},
        "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}", "PYTHONPATH": str(project),
        "DVC_NO_ANALYTICS": "1", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip


def dump(project: Path, variant: str) -> tuple[Path, int]:
    """A plan's config as a file that MMDetection's tools read, and the epochs it trains."""
    from mmengine.config import Config

    path = project / f"{variant}.py"
    config = Config(Plan.read(Paths(project).plan(variant)).mmengine_config())
    config.dump(path)
    return path, config.train_cfg.max_epochs


def predictions(project: Path) -> dict[str, str]:
    """Fingerprint -> digest of the predictions of each finished cell."""
    runs = map(read_json, project.glob("scratch/*/run.json"))
    return {run["fingerprint"]: run["predictions_sha256"] for run in runs}


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=["whole", "stock", "choice"], help="default: all three")
    parser.add_argument("--keep", type=Path, help="a folder for the clones, kept")
    chosen = parser.parse_args()
    main(chosen.part or ["whole", "stock", "choice"], chosen.keep)
