"""One cell, from its plan and nothing else: train or go on training, predict, say what happened."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmcv.ops import get_compiling_cuda_version
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256, write_json_gz
from pipeline.common.paths import CellPaths
from pipeline.detector import checkpoints, history, registered, weights  # noqa: F401  (registered: what plans name)
from pipeline.detector.placement import attention_modules
from pipeline.detector.predict import predict
from pipeline.records import Plan, Run
from pipeline.records.cell import BeatState
from pipeline.records.plan import Resources, Weights
from pipeline.records.run import LoadedWeights


def train(plan: Plan, seed: int, fingerprint: str, cell: CellPaths) -> None:
    """Train the cell of `plan` and `seed` in its working folder; resumes from the newest valid checkpoint.

    Ends with predictions.json.gz, checkpoint.pth (weights alone), history.csv, run.json and, last, DONE.
    The working directory is the project's root. MMEngine's words go to train.log.
    """
    folder = cell.folder
    folder.mkdir(parents=True, exist_ok=True)
    use_device(plan.resources)
    started, before = time.time(), history.elapsed(cell)
    with _words_to(cell.log):
        cfg = Config(tuples(plan.config))
        if plan.weights:
            cfg.model.backbone.init_cfg.checkpoint = str(weights.local(plan.weights))
        cfg.work_dir, cfg.launcher = str(folder), "pytorch" if "RANK" in os.environ else "none"
        if cfg.launcher == "pytorch" and cfg.resources.device == "cpu":
            torch.distributed.init_process_group("gloo")  # MMEngine's own way there sets a GPU first
        cfg.randomness = dict(seed=seed)
        cfg.experiment_name = fingerprint[:16]
        resumed = checkpoints.newest_valid(folder)
        if resumed:
            cfg.load_from, cfg.resume = str(resumed[0]), True
        runner = Runner.from_cfg(cfg)
        verify = _Verify(plan.weights) if plan.weights else None
        if verify:
            runner.register_hook(verify, priority="LOWEST")
        runner.train()
        trained = time.time()
        _beat(runner, cell, "predicting")
        detections = predict(runner)
    if detections is None:
        return
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    write_json_gz(cell.predictions, detections)
    _save_weights(model, cell.checkpoint)
    ours = {id(p) for module in attention_modules(model).values() for p in module.parameters()}
    Run(
        fingerprint=fingerprint,
        variant=plan.variant,
        seed=seed,
        state="done",
        epochs=runner.max_epochs,
        steps=runner.max_iters,
        seconds=round(before + trained - started, 3),
        predict_seconds=round(time.time() - trained, 3),
        started=round(started, 3),
        finished=round(time.time(), 3),
        device=plan.resources.device,
        hardware=hardware(),
        host=socket.gethostname(),
        threads=torch.get_num_threads(),
        world_size=runner.world_size,
        versions=plan.versions,
        gpu_memory=torch.cuda.max_memory_reserved() if torch.cuda.is_initialized() else None,
        resumed_from=resumed[1] if resumed else None,
        weights=verify.loaded if verify else None,
        parameters=sum(p.numel() for p in model.parameters()),
        attention_parameters=sum(p.numel() for p in model.parameters() if id(p) in ours),
        checkpoint_sha256=file_sha256(cell.checkpoint),
        predictions_sha256=file_sha256(cell.predictions),
    ).write(cell.run)
    _beat(runner, cell, "done")
    cell.done.write_text(fingerprint + "\n")
    _clear(folder)


class _Verify(history.Hook):
    """Checks after initialisation, before the first step, that the pretrained weights are all there."""

    def __init__(self, planned: Weights) -> None:
        self.planned = planned
        self.loaded: LoadedWeights | None = None

    def before_run(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.loaded = weights.loaded(model.backbone, self.planned)


def use_device(resources: Resources) -> None:
    """Threads and device of the plan; they are part of it because they change the numbers.

    Raises UserError where the plan wants a GPU and torch or MMCV's operators have none.
    """
    torch.set_num_threads(resources.threads)
    if resources.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # MMEngine takes a GPU wherever it sees one
        return
    ways = "`python -m pipeline doctor` names the ways out"
    if not torch.cuda.is_available():
        raise UserError(f"train.device is cuda and torch sees no GPU; {ways}")
    if get_compiling_cuda_version() == "not available":
        raise UserError(f"train.device is cuda and MMCV's operators were built without CUDA; {ways}")


def hardware() -> str:
    """The model name of the GPU or processor that did the work."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def _words_to(path: Path) -> Iterator[None]:
    """Send stdout and stderr of Python to the log, MMEngine's handlers included; keep the terminal for progress."""
    with (
        path.open("a", buffering=1, encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def tuples(value: Any) -> Any:
    """JSON knows no tuples; MMDetection wants them where a size or a pair of scales is written."""
    if isinstance(value, Mapping):
        return {
            key: tuple(item) if key in ("scale", "meta_keys", "classes") and isinstance(item, list) else tuples(item)
            for key, item in value.items()
        }
    return [tuples(item) for item in value] if isinstance(value, list) else value


def _beat(runner: Runner, cell: CellPaths, state: BeatState) -> None:
    if runner.rank == 0:
        pace = history.Pace(runner.max_epochs, runner.max_iters, runner.iter, history.elapsed(cell))
        pace.beat(runner.epoch, runner.iter, None, state).write(cell.heartbeat)


def _save_weights(model: torch.nn.Module, path: Path) -> None:
    part = path.with_suffix(".part")
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
