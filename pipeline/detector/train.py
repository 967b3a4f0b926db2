"""One cell, from its plan and nothing else: train or go on training, predict, say what happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from pipeline.common.files import file_sha256, part_of, write_json_gz
from pipeline.common.paths import CellPaths
from pipeline.detector import checkpoints, history, registered, weights  # noqa: F401  (registered: what plans name)
from pipeline.detector.device import hardware, use_device
from pipeline.detector.placement import attention_modules
from pipeline.detector.predict import predict, use_averaged_weights
from pipeline.detector.randomness import derive
from pipeline.detector.resampled import give_seed
from pipeline.records import Plan, Run
from pipeline.records.cell import BeatState
from pipeline.records.plan import Weights
from pipeline.records.run import LoadedWeights


def train(plan: Plan, seed: int, fingerprint: str, cell: CellPaths) -> None:
    """Train the cell of `plan` and `seed` in its working folder; resumes from the newest valid checkpoint.

    Ends with predictions.json.gz, checkpoint.pth (weights alone), history.csv, run.json and, last, DONE.
    The working directory is the project's root. MMEngine's words go to train.log.
    """
    cell.folder.mkdir(parents=True, exist_ok=True)
    use_device(plan.resources)
    started, before = time.time(), history.elapsed(cell)
    begun = time.monotonic()  # the time of day may be set meanwhile
    with redirect_output(cell.log):
        resumed = checkpoints.newest_valid(cell.folder)
        cfg = cell_config(plan, seed, fingerprint, cell, resumed[0] if resumed else None)
        _join_process_group(cfg)
        runner = Runner.from_cfg(cfg)
        verify = _Verify(plan.weights) if plan.weights else None
        if verify:
            runner.register_hook(verify, priority="LOWEST")
        runner.train()
        trained = time.monotonic()
        _beat(runner, cell, "predicting")
        averaged = use_averaged_weights(runner)
        detections = predict(runner)
    if detections is None:
        return
    write_json_gz(cell.predictions, detections)
    _save_weights(_bare(runner), cell.checkpoint)
    Run(
        fingerprint=fingerprint,
        variant=plan.variant,
        seed=seed,
        state="done",
        seconds=round(before + trained - begun, 3),
        predict_seconds=round(time.monotonic() - trained, 3),
        started=round(started, 3),
        finished=round(time.time(), 3),
        device=plan.resources.device,
        versions=plan.versions,
        resumed_from=resumed[1] if resumed else None,
        weights=verify.loaded if verify else None,
        averaged=averaged,
        checkpoint_sha256=file_sha256(cell.checkpoint),
        predictions_sha256=file_sha256(cell.predictions),
        **_facts(runner),
    ).write(cell.run)
    _beat(runner, cell, "done")
    cell.done.write_text(fingerprint + "\n")
    _clear(cell.folder)


def cell_config(plan: Plan, seed: int, fingerprint: str, cell: CellPaths, resume: Path | None) -> Config:
    """The plan's config with what only the cell and this machine know."""
    cfg = Config(plan.mmengine_config())
    if plan.weights:
        cfg.model.backbone.init_cfg.checkpoint = str(weights.local(plan.weights))
    cfg.work_dir, cfg.experiment_name = str(cell.folder), fingerprint[:16]
    cfg.randomness = dict(seed=seed)
    give_seed(cfg.train_dataloader.dataset, derive(seed, "training images"))
    cfg.launcher = "pytorch" if "RANK" in os.environ else "none"
    if resume:
        cfg.load_from, cfg.resume = str(resume), True
    return cfg


def _join_process_group(cfg: Config) -> None:
    """On a CPU before MMEngine does: its own way sets a GPU first."""
    if cfg.launcher == "pytorch" and cfg.resources.device == "cpu":
        torch.distributed.init_process_group("gloo")


def _facts(runner: Runner) -> dict[str, Any]:
    """What run.json says of a finished run's size, length and hardware."""
    model = _bare(runner)
    ours = {id(p) for module in attention_modules(model).values() for p in module.parameters()}
    return {
        "epochs": history.epoch_of(runner, runner.max_iters), "steps": runner.max_iters,
        "hardware": hardware(), "host": socket.gethostname(), "threads": torch.get_num_threads(),
        "world_size": runner.world_size,
        "gpu_memory": torch.cuda.max_memory_reserved() if torch.cuda.is_initialized() else None,
        "parameters": sum(p.numel() for p in model.parameters()),
        "attention_parameters": sum(p.numel() for p in model.parameters() if id(p) in ours),
    }  # fmt: skip


class _Verify(history.Hook):
    """Checks after initialisation, before the first step, that the pretrained weights are all there."""

    def __init__(self, planned: Weights) -> None:
        self.planned = planned
        self.loaded: LoadedWeights | None = None

    def before_run(self, runner: Runner) -> None:
        self.loaded = weights.loaded(_bare(runner).backbone, self.planned)


def _bare(runner: Runner) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


@contextlib.contextmanager
def redirect_output(path: Path) -> Iterator[None]:
    """Send stdout and stderr of Python to the log, MMEngine's handlers included; keep the terminal for progress."""
    with (
        path.open("a", buffering=1, encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def _beat(runner: Runner, cell: CellPaths, state: BeatState) -> None:
    if runner.rank == 0:
        epoch = history.epoch_of(runner, runner.iter)
        history.Pace.of(runner).beat(epoch, runner.iter, None, state).write(cell.heartbeat)


def _save_weights(model: torch.nn.Module, path: Path) -> None:
    part = part_of(path)
    try:
        torch.save({"state_dict": {key: value.cpu() for key, value in model.state_dict().items()}}, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """What only resuming needed: optimizer states and MMEngine's own folders and copies of the config."""
    for path in (*checkpoints.saved(folder), *folder.glob("*.py")):
        path.unlink()
    for child in folder.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
