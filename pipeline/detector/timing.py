"""A few real iterations and predictions of a variant, timed and weighed: what an estimate rests on."""

from __future__ import annotations

import contextlib
import gc
import math
import resource
import time
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.runner import Runner

from pipeline.common.paths import CellPaths
from pipeline.detector.device import hardware, use_device
from pipeline.detector.history import Hook
from pipeline.detector.imports import import_named
from pipeline.detector.train import cell_config
from pipeline.records import Plan
from pipeline.records.estimate import Timing

SEED = 0
WARMUP = 3  # iterations that are not counted: caches fill, cuDNN chooses
COUNTED = 20
IMAGES = 10  # predicted, after one that is not counted
TRAINING = 0.7  # share of the time that iterations may take; the rest is for predictions


class _Enough(Exception):
    """Ends a training that has been timed."""


class _Clock(Hook):
    """Times iterations until enough are counted or the time is up; the last of all hooks."""

    priority = "LOWEST"

    def __init__(self, until: float) -> None:
        self.until = until
        self.first = 0.0
        self.ends: list[tuple[bool, float]] = []  # whether the iteration follows another of its epoch; unix time

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.first = self.first or _now()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        self.ends.append((batch_idx > 0, _now()))
        counted = self.counted()
        if len(counted) >= COUNTED or (counted and time.time() >= self.until):
            raise _Enough

    def counted(self) -> list[tuple[float, float]]:
        """Begin and end of each iteration past the warm-up, from the end of the one before.

        The first of an epoch is left out: data workers start in it, and checkpoint and validation come before.
        """
        pairs = list(zip(self.ends, self.ends[1:], strict=False))[WARMUP - 1 :]
        return [(before, end) for (_, before), (inside, end) in pairs if inside]


def time_variant(plan: Plan, cell: CellPaths, seconds: float) -> Timing:
    """Train and predict with `plan` for about `seconds` in the folder of `cell`, which is nobody's afterwards.

    At least one iteration past the warm-up and one image are timed, however long they take.
    """
    started = time.time()
    use_device(plan.resources)
    import_named(plan.config)
    if plan.resources.device == "cuda":  # the variant timed before in this process has left its share
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    runner = Runner.from_cfg(cell_config(plan, SEED, plan.digest, cell, None))
    clock = _Clock(started + TRAINING * seconds)
    runner.register_hook(clock, priority=clock.priority)
    with contextlib.suppress(_Enough):
        runner.train()
    timed = clock.counted() or [(clock.first, clock.ends[-1][1])]  # a training of very few iterations
    iterations = len(clock.counted()) or len(clock.ends)
    image, tested = _predicted(runner, started + seconds)
    weights = _bytes(runner.model.state_dict())
    return Timing(
        plan=plan.digest,
        hardware=hardware(),
        setup=clock.first - started,
        iteration=sum(end - begin for begin, end in timed) / iterations,
        counted=iterations,
        steps=math.ceil(runner.max_iters / plan.resources.processes),
        image=image,
        images=math.ceil((tested + _validated(runner)) / plan.resources.processes),
        memory=_peak_memory(runner.cfg.train_dataloader.num_workers),
        gpu_memory=torch.cuda.max_memory_reserved() if torch.cuda.is_initialized() else None,
        weights=weights,
        resume=weights + _bytes(runner.optim_wrapper.optimizer.state),
        began=timed[0][0],
        ended=timed[-1][1],
    )


def _now() -> float:
    """Unix time, once the GPU has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.time()


@torch.no_grad()
def _predicted(runner: Runner, until: float) -> tuple[float, int]:
    """Seconds an image, and the number of images of the split that a cell predicts.

    The weights are those of the first iterations: they find more, weaker boxes than trained ones, and take no less.
    """
    runner.model.eval()
    loader = runner.build_dataloader(runner.cfg.test_dataloader, seed=SEED)
    begun, images = 0.0, 0
    for number, batch in enumerate(loader):
        runner.model.test_step(batch)
        if number == 0 and len(loader) > 1:
            begun = _now()
            continue
        images += len(batch["inputs"])
        if images >= IMAGES or time.time() >= until:
            break
    return (_now() - begun) / images, len(loader.dataset)


def _validated(runner: Runner) -> int:
    """Images that a whole cell predicts to validate while it trains."""
    if runner.val_loop is None:
        return 0
    loop = runner.train_loop
    length = loop.max_epochs if runner.cfg.train_cfg.get("by_epoch", True) else loop.max_iters
    return len(runner.val_loop.dataloader.dataset) * math.ceil(length / loop.val_interval)


def _peak_memory(workers: int) -> int:
    """Bytes of this process at its peak, and as many for each data worker as the largest took."""
    own, worker = (resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own + worker * workers


def _bytes(value: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
