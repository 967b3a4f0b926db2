"""A small real data set, end to end: what a thin detector from scratch reaches in minutes on a CPU.

    python -m benchmarks.bccd [--threads 2]

BCCD (blood cells; 364 images, 3 classes, MIT) as it lies beside the project in `../shared/data/bccd`, train and
val as given, 320x240, 12 epochs. It prints the AP on val, the seconds of preparation and of the cell, and what
was repaired. It is a claim about quality, so its peer is a bar: AP .40 within 6 minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.common.files import read_json
from pipeline.evaluation import coco_metrics

ROOT = Path(__file__).resolve().parent.parent
BCCD = ROOT.parent / "shared" / "data" / "bccd"


def params(threads: int) -> dict[str, object]:
    """The study: one variant, one seed."""
    return {
        "study": "bccd",
        "dataset": {
            "source": "coco", "name": "BCCD", "licence": "MIT",
            "origin": str(BCCD / "annotations"), "images": str(BCCD / "images"),
            "train": "instances_train.json", "val": "instances_val.json",
        },
        "detector": {"width": "thin"},
        "train": {
            "epochs": 12, "batch_size": 8, "lr_batch": 8, "lr": 0.003, "warmup_iters": 50,
            "image_size": [320, 240], "threads": threads,
        },
        "variants": {"baseline": {}},
        "seeds": [0],
        "evaluation": {},
        "tracking": {},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with (work / "params.yaml").open("w") as file:
            YAML().dump(params(threads), file)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        seconds = {}
        for stage in (["prepare"], ["plan"], ["train", "baseline", "0"]):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "pipeline", *stage], cwd=work, env=environment, check=True)
            seconds[stage[0]] = time.perf_counter() - start
        card = read_json(work / "data/coco/card.json")
        metrics = coco_metrics(work / "data/coco/val.json", work / "data/runs/baseline/0/predictions.json.gz")
    for rule, found in card["repairs"].items():
        print(f"repaired: {rule} x {found['count']}")
    print(f"AP {metrics['AP']:.3f}  AP50 {metrics['AP50']:.3f}  (bar: AP .40)")
    print(f"{sum(seconds.values()):.0f} s in all, {seconds['train']:.0f} s of them the cell  (bar: 360 s on two cores)")


if __name__ == "__main__":
    main()
