"""A cell's training beside MMDetection's own tools/train.py, which runs with MMDetection's own parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.clones import PIPELINE, PYTHON, iteration_seconds, logs, planned_config, timed, tool
from pipeline.common.paths import Paths
from pipeline.study.plan import Fingerprints

OURS = ("CommonRandomNumbers", "History", "ChannelsLast")  # hooks


def without_ours(config: Any) -> Any:
    """The plan's config of a detector without attention, every part of this project replaced by what it stands for.

    Model, data, augmentation, batch, schedule and precision stay. What is left out is what makes cells comparable
    (common random numbers), resumable and observable, and what makes them faster.
    """
    if config.model.type == "WithAttention":
        raise ValueError("MMDetection has no attention of this project's; give a baseline")
    config.pop("custom_imports")
    config.custom_hooks = [hook for hook in config.custom_hooks if hook.type not in OURS]
    config.default_hooks.checkpoint = {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 2}
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.type = "CocoDataset"
        loader.sampler.type = loader.sampler.type.removeprefix("Passes")
    config.test_dataloader.pop("batch_sampler")
    config.optim_wrapper.pop("constructor")
    for key in ("foreach", "fused"):
        config.optim_wrapper.optimizer.pop(key, None)
    return config


def stock_seconds(project: Path, variant: str, seed: int) -> float:
    """Seconds an iteration of tools/train.py, with the plan's threads; the variant is planned and has no attention."""
    work = project / f"stock/{variant}-{seed}"
    work.mkdir(parents=True)
    config = without_ours(planned_config(project, variant))
    config.dump(work / "config.py")
    options = ["--work-dir", str(work), "--cfg-options", f"randomness.seed={seed}"]
    threads = f"OMP_NUM_THREADS={config.resources.threads}"
    timed(project, "env", threads, PYTHON, tool("train.py"), str(work / "config.py"), *options)
    return iteration_seconds("\n".join(logs(work)))


def our_seconds(project: Path, variant: str, seed: int) -> float:
    """Seconds an iteration of the cell, trained by the command that DVC and a dispatcher run."""
    timed(project, *PIPELINE, "train", variant, str(seed))
    fingerprint = Fingerprints(Paths(project)).of(variant, seed)
    if fingerprint is None:
        raise SystemExit(f"{variant} is not planned")
    return iteration_seconds(Paths(project).cell(fingerprint).log.read_text())
