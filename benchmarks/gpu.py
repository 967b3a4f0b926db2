"""What a GPU makes of it: `python -m benchmarks.gpu [--part speed|modules|share|sharing]`, on a machine with a GPU.

speed: images a second of a cell of the full detector beside MMDetection's own tools/train.py, with the same data,
schedule and precision; then with each setting that might make it faster. Where nothing but this project's own parts
differs (the first lines), what is lost is the tax of common random numbers and history.
modules: forward and backward of each attention module over that of its transcription.
share: how much of a training step each module takes, by `estimate`.
sharing: cells an hour by how many share the card.

`--device cpu --width thin --size 96 64 --images 16 --batch 4` tries the script itself where there is no GPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks import attention
from benchmarks.clones import PIPELINE, planned_study, predictions, revision, timed
from benchmarks.stock import our_seconds, stock_seconds
from pipeline.attention import names
from pipeline.common.paths import Paths
from pipeline.detector.device import hardware
from pipeline.records import Estimate

EPOCHS, SEED = 2, 0  # the second is timed
PRECISIONS = ("fp32", "fp16", "bf16")
# Settings that might make training faster: keys of `train`, and overrides of the config.
FASTER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "channels_last": ({"channels_last": True}, {}),
    "fused": ({"fused": True}, {}),
    "cudnn benchmark": ({}, {"env_cfg.cudnn_benchmark": True}),
    "pinned memory": ({}, {"train_dataloader.pin_memory": True}),
    "channels_last, fused": ({"channels_last": True, "fused": True}, {}),
}
SHARED = (1, 2, 4)  # cells at once


def speed(asked: argparse.Namespace, folder: Path) -> None:
    print("| precision | setting | images/s | tools/train.py | ratio |\n|---|---|--:|--:|--:|")
    for precision in PRECISIONS if asked.device == "cuda" else PRECISIONS[:1]:
        stock = 0.0
        for number, (name, (train, overrides)) in enumerate({"as it is": ({}, {}), **FASTER}.items()):
            if overrides and asked.device == "cpu":
                continue
            content = study(asked, train={"precision": precision, **train}, overrides=overrides)
            project = planned_study(folder / f"{precision}-{number}", content)
            stock = stock or asked.batch / stock_seconds(project, "baseline", SEED)
            ours = asked.batch / our_seconds(project, "baseline", SEED)
            print(f"| {precision} | {name} | {ours:.2f} | {stock:.2f} | {ours / stock:.3f} |", flush=True)


def modules(asked: argparse.Namespace, folder: Path) -> None:
    for layout in (torch.contiguous_format, torch.channels_last):
        print(f"\n{layout}\n")
        rows = (
            (name, attention.ratios(name, layout, asked.seconds, lambda: now(asked.device), asked.device))
            for name in asked.only
        )
        print(attention.table(rows), flush=True)


def share(asked: argparse.Namespace, folder: Path) -> None:
    """Of a step: what it takes beyond the baseline's, with the module before the addition of every residual block."""
    variants = {"baseline": {}, **{name: {"attention": name} for name in names()}}
    project = planned_study(folder, study(asked, variants=variants))
    timed(project, *PIPELINE, "estimate")
    timings = Estimate.read(Paths(project).estimate).timings
    print("| variant | s an iteration | share of the step |\n|---|--:|--:|")
    for name, timing in timings.items():
        part = 1 - timings["baseline"].iteration / timing.iteration
        print(f"| {name} | {timing.iteration:.4f} | {part:.1%} |", flush=True)


def sharing(asked: argparse.Namespace, folder: Path) -> None:
    print("| cells on the card | cells an hour |\n|--:|--:|")
    for jobs in SHARED:
        project = planned_study(folder / str(jobs), study(asked, seeds=list(range(max(SHARED)))))
        seconds = timed(project, *PIPELINE, "dispatch", "--jobs", str(jobs))
        print(f"| {jobs} | {3600 * len(predictions(project)) / seconds:.1f} |", flush=True)


def study(asked: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """The params.yaml of a study of the full Faster R-CNN on drawn pictures of the size that is asked for."""
    train: Mapping[str, Any] = changes.pop("train", {})
    detector: dict[str, Any] = {"width": asked.width, "overrides": changes.pop("overrides", {})}
    return {
        "study": "gpu",
        "dataset": {
            "source": "roadmarks", "origin": "pipeline/dataset/roadmarks",
            "train": asked.images, "val": max(asked.images // 10, 2), "size": asked.size, "seed": 0,
        },
        "detector": detector,
        "train": {
            "epochs": EPOCHS, "batch_size": asked.batch, "image_size": asked.size, "optimizer": "sgd", "lr": 0.02,
            "lr_batch": 16, "weight_decay": 0.0001, "warmup_iters": 0, "device": asked.device, "workers": asked.workers,
            "log_interval": 1, **train,
        },
        "variants": {"baseline": {}}, "seeds": [SEED],
        "evaluation": {"baseline": "baseline"}, "tracking": {"register": False},
        **changes,
    }  # fmt: skip


def now(device: str) -> float:
    """Seconds, once the GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


PARTS = {"speed": speed, "modules": modules, "share": share, "sharing": sharing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--width", choices=["full", "thin"], default="full")
    parser.add_argument("--size", type=int, nargs=2, default=[1333, 800], help="of the pictures, and as they are fed")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.9, help="for each cell of the modules' table")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=attention.PAIRS, default=list(attention.PAIRS))
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("benchmarks.gpu: torch sees no GPU here; `--help` says how to try the script without one")
    print(
        f"{hardware()}, torch {torch.__version__}, at {revision()}; {asked.width} at {asked.size}, batch {asked.batch}"
    )
    with tempfile.TemporaryDirectory() as name:
        for part in asked.part or PARTS:
            print(f"\n## {part}\n", flush=True)
            PARTS[part](asked, Path(name) / part)


if __name__ == "__main__":
    main()
