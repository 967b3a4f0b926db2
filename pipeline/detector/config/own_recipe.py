"""`recipe: config`: a config's own augmentation, optimiser, schedule and hooks, on the study's data.

Replaced are the files and classes, the logging, checkpoints and device. Keys of `train` that params.yaml gives
change the recipe, each by its rule; a key that cannot apply is an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.common.errors import UserError
from pipeline.detector.config.data import files, set_evaluation
from pipeline.detector.config.model import nodes
from pipeline.detector.config.scaling import Clock, scale_schedule, scale_sizes, scale_times, snapped, test_size
from pipeline.detector.config.study_recipe import set_precision
from pipeline.records import Manifest
from pipeline.study.sections import Train

# The outermost data set draws for itself and all within it.
SHARED = {
    "CocoDataset": "SharedDrawsDataset",
    "RepeatDataset": "SharedDrawsRepeatDataset",
    "ClassBalancedDataset": "SharedDrawsClassBalancedDataset",
    "MultiImageMixDataset": "SharedDrawsMultiImageMixDataset",
}
SAMPLERS = ("DefaultSampler", "InfiniteSampler", "ClassAwareSampler")
NO_TRAINING = ("MemoryProfilerHook", "DetVisualizationHook")


def apply(cfg: Any, train: Train, manifest: Manifest) -> tuple[list[Any], tuple[int, int]]:
    """Turn `cfg` to the study's data; returns the hooks that it keeps and the image size it tests at."""
    for key in ("train_dataloader", "test_dataloader", "optim_wrapper", "train_cfg"):
        if not cfg.get(key):
            raise UserError(f"train.recipe: config: the detector's config has no {key}; allowed: study")
    given = train.model_fields_set
    hooks = [hook for hook in cfg.get("custom_hooks") or [] if hook["type"] not in NO_TRAINING]
    schedulers = cfg.get("param_scheduler") or []
    cfg.param_scheduler = [schedulers] if isinstance(schedulers, Mapping) else list(schedulers)
    _loader(cfg, train, manifest)
    testing = _leaf(cfg.test_dataloader.dataset)["pipeline"]
    image_size = _sizes(cfg, train, hooks, testing)
    set_evaluation(cfg, train, manifest, testing)
    _optimizer(cfg, train)
    _loop(cfg, train, hooks, passes_iterations(cfg, manifest, train.processes))
    for key, rule in (("milestones", _milestones), ("warmup_iters", _warmup), ("flip", _flip)):
        if key in given:
            rule(cfg, train)
    cfg.auto_scale_lr = dict(enable=False)  # already scaled where it is to be
    return hooks, image_size


def passes_iterations(cfg: Any, manifest: Manifest, processes: int) -> int:
    """Iterations of one pass over the training images, repeats of a wrapper included."""
    images, node = manifest.splits["train"].count, cfg.train_dataloader.dataset
    while node is not None:
        images *= node.get("times", 1)
        node = node.get("dataset")
    return math.ceil(images / (cfg.train_dataloader.batch_size * processes))


def _loader(cfg: Any, train: Train, manifest: Manifest) -> None:
    loader = cfg.train_dataloader
    dataset = _on_files(loader.dataset, manifest)
    if dataset["type"] not in SHARED:
        raise UserError(f"train.recipe: config: data set wrapper {dataset['type']} is not supported; allowed: study")
    sampler = dict(loader.get("sampler") or {"type": "DefaultSampler", "shuffle": True})
    if sampler["type"] not in SAMPLERS:
        raise UserError(f"train.recipe: config: sampler {sampler['type']} is not supported; allowed: study")
    sampler["type"] = "Passes" + sampler["type"]
    own_batch = "batch_size" in loader and "batch_size" not in train.model_fields_set
    cfg.train_dataloader = dict(
        batch_size=loader.batch_size if own_batch else train.batch_size,
        num_workers=train.workers,
        persistent_workers=train.workers > 0,
        sampler=sampler,
        batch_sampler=loader.get("batch_sampler"),
        dataset={**dataset, "type": SHARED[dataset["type"]]},
        **{key: loader[key] for key in ("drop_last", "collate_fn") if key in loader},
    )


def _on_files(node: Any, manifest: Manifest) -> dict[str, Any]:
    """A training data set with its wrappers and pipelines, on the study's files; several joined become the one."""
    if "datasets" in node:
        parts = [_on_files(part, manifest) for part in node["datasets"]]
        if any(part != parts[0] for part in parts):
            raise UserError("train.recipe: config: it joins data sets with different pipelines; allowed: study")
        return parts[0]
    if "dataset" in node:
        return {**node, "dataset": _on_files(node["dataset"], manifest)}
    kept = {key: node[key] for key in ("filter_cfg", "pipeline") if node.get(key) is not None}
    return dict(type="CocoDataset", **files(manifest, "train"), **kept)


def _leaf(node: Any) -> Any:
    while "dataset" in node or "datasets" in node:
        node = node["dataset"] if "dataset" in node else node["datasets"][0]
    return node


def _sizes(cfg: Any, train: Train, hooks: list[Any], testing: Any) -> tuple[int, int]:
    """`image_size` scales every size of the pipelines by one factor: its longer side to the test size's longer side."""
    size = test_size(testing) or test_size(cfg.train_dataloader.dataset) or train.image_size
    if "image_size" not in train.model_fields_set:
        return size
    fixed = next((node["input_size"] for node in nodes(cfg.model) if isinstance(node.get("input_size"), int)), None)
    if fixed and max(train.image_size) != fixed:
        raise UserError(f"train.image_size: the detector is made for {fixed} x {fixed} images alone; leave the key out")
    factor = snapped(max(size), max(train.image_size))
    for part in (cfg.train_dataloader.dataset, testing, hooks, (cfg.model.get("data_preprocessor") or {})):
        scale_sizes(part, factor)
    scaled = test_size(testing)
    return scaled or (round(size[0] * factor), round(size[1] * factor))


def _optimizer(cfg: Any, train: Train) -> None:
    given, wrapper = train.model_fields_set, cfg.optim_wrapper
    if "optimizer" in given:
        raise UserError(
            "train.optimizer: with recipe: config the optimizer is the config's; "
            "an override of optim_wrapper.optimizer changes it"
        )
    if "lr_batch" in given and "lr" not in given:
        raise UserError("train.lr_batch: with recipe: config it goes with lr; leave it out, or give both")
    own = wrapper.get("constructor")
    if own:
        wrapper.base_constructor = own
    wrapper.constructor = "NoGateDecayConstructor"
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size")
    if "lr" in given:
        wrapper.optimizer.lr = train.lr
        base = train.lr_batch if "lr_batch" in given else base
    if given & {"batch_size", "processes"}:
        if base is None:
            raise UserError(
                "train.batch_size: the config does not say which batch its learning rate is for; give lr and lr_batch"
            )
        wrapper.optimizer.lr *= cfg.train_dataloader.batch_size * train.processes / base
    if "weight_decay" in given:
        wrapper.optimizer.weight_decay = train.weight_decay
    if "clip_grad_norm" in given:
        wrapper.pop("clip_grad", None)
        if train.clip_grad_norm is not None:
            wrapper.clip_grad = dict(max_norm=train.clip_grad_norm, norm_type=2)
    if "fused" in given:
        wrapper.optimizer.fused = train.fused
    if "precision" in given or train.device == "cpu":  # AMP's operators refuse a CPU
        set_precision(wrapper, train.precision)


def _by_iteration(train_cfg: Any) -> bool:
    return bool(train_cfg.get("type") == "IterBasedTrainLoop" or train_cfg.get("by_epoch") is False)


def _loop(cfg: Any, train: Train, hooks: list[Any], one_pass: int) -> None:
    """`epochs` scales the loop and every time in it; an iteration loop takes them as passes over the images."""
    by_iteration = _by_iteration(cfg.train_cfg)
    key = "max_iters" if by_iteration else "max_epochs"
    old = int(cfg.train_cfg[key])
    new = old
    if "epochs" in train.model_fields_set:
        new = train.epochs * (one_pass if by_iteration else 1)
        clock = Clock(old, new)
        cfg.param_scheduler = scale_schedule(cfg.param_scheduler, clock, not by_iteration)
        for part in (hooks, cfg.model):
            scale_times(part, clock)
    interval = train.val_interval * (one_pass if by_iteration else 1) or new
    kind = "IterBasedTrainLoop" if by_iteration else "EpochBasedTrainLoop"
    cfg.train_cfg = dict(type=kind, **{key: new}, val_interval=interval)
    cfg.log_processor = dict(type="LogProcessor", window_size=50, by_epoch=not by_iteration)


def _milestones(cfg: Any, train: Train) -> None:
    steps = [scheduler for scheduler in cfg.param_scheduler if "milestones" in scheduler]
    if len(steps) != 1 or _by_iteration(cfg.train_cfg):
        raise UserError("train.milestones: the config has no schedule of milestones in epochs; leave the key out")
    end = cfg.train_cfg.max_epochs
    if train.milestones and train.milestones[-1] >= end:
        raise UserError(f"train.milestones: {train.milestones[-1]} would never come: training ends after epoch {end}")
    steps[0]["milestones"] = list(train.milestones)


def _warmup(cfg: Any, train: Train) -> None:
    found = [scheduler for scheduler in cfg.param_scheduler if is_warmup(scheduler)]
    if not found:
        raise UserError("train.warmup_iters: the config has no warm-up in iterations; leave the key out")
    found[0]["end"] = train.warmup_iters
    if not train.warmup_iters:
        cfg.param_scheduler = [scheduler for scheduler in cfg.param_scheduler if scheduler is not found[0]]


def is_warmup(scheduler: Any) -> bool:
    """Whether a scheduler raises the learning rate over the first iterations."""
    return bool(scheduler["type"] == "LinearLR" and not scheduler.get("by_epoch", True))


def _flip(cfg: Any, train: Train) -> None:
    flips = [
        node
        for node in nodes([cfg.train_dataloader, cfg.get("custom_hooks") or []])
        if node.get("type") == "RandomFlip"
    ]
    if not flips:
        raise UserError("train.flip: the config's augmentation flips nothing; leave the key out")
    for flip in flips:
        flip["prob"] = train.flip
