"""`recipe: study`: the schedule and augmentation of params.yaml, equal for every detector."""

from __future__ import annotations

from typing import Any

from pipeline.detector.config.data import SHARED_DRAWS, files, loader, set_evaluation
from pipeline.detector.config.model import nodes
from pipeline.records import Manifest
from pipeline.study.sections import Train

META = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")
DIVISOR = 32  # of a batch's sides, where a config pads its images to a size of its own


def apply(cfg: Any, train: Train, manifest: Manifest) -> None:
    _pad_batches(cfg)
    _data(cfg, train, manifest)
    _schedule(cfg, train)


def _pad_batches(cfg: Any) -> None:
    """A config that pads in its pipeline (RTMDet, SSD) relies on it: necks add maps only of equal sizes."""
    pads = (
        any(node.get("type") == "Pad" for node in nodes(cfg.train_dataloader)) if cfg.get("train_dataloader") else False
    )
    preprocessor = cfg.model.get("data_preprocessor")
    if preprocessor is not None:
        preprocessor.pop("batch_augments", None)  # sizes of the config's own augmentation
        if pads and preprocessor.get("pad_size_divisor", 1) < DIVISOR:
            preprocessor.pad_size_divisor = DIVISOR


def _data(cfg: Any, train: Train, manifest: Manifest) -> None:
    load = [dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)]
    resize = dict(type="Resize", scale=tuple(train.image_size), keep_ratio=True)
    training = [*load, resize, dict(type="RandomFlip", prob=train.flip), dict(type="PackDetInputs")]
    shown = dict(
        type=SHARED_DRAWS,
        **files(manifest, "train"),
        filter_cfg=dict(filter_empty_gt=True, min_size=1),
        pipeline=training,
    )
    cfg.train_dataloader = loader(
        shown, train, train.batch_size, True, batch_sampler=dict(type="AspectRatioBatchSampler")
    )
    set_evaluation(cfg, train, manifest, [load[0], resize, load[1], dict(type="PackDetInputs", meta_keys=META)])


def _schedule(cfg: Any, train: Train) -> None:
    batch = train.batch_size * train.processes
    lr = train.lr * batch / train.lr_batch
    optimizer = {
        "sgd": dict(type="SGD", lr=lr, momentum=0.9, weight_decay=train.weight_decay),
        "adamw": dict(type="AdamW", lr=lr, weight_decay=train.weight_decay),
    }[train.optimizer]
    optimizer["fused" if train.fused else "foreach"] = True  # foreach: the same numbers as by default
    cfg.optim_wrapper = dict(type="OptimWrapper", optimizer=optimizer, constructor="NoGateDecayConstructor")
    if train.clip_grad_norm is not None:
        cfg.optim_wrapper.clip_grad = dict(max_norm=train.clip_grad_norm, norm_type=2)
    set_precision(cfg.optim_wrapper, train.precision)
    decay = (
        dict(type="MultiStepLR", begin=0, end=train.epochs, by_epoch=True, milestones=list(train.milestones), gamma=0.1)
        if train.milestones
        else dict(
            type="CosineAnnealingLR",
            begin=0,
            end=train.epochs,
            T_max=train.epochs,
            by_epoch=True,
            convert_to_iter_based=True,
        )
    )
    warmup = dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=train.warmup_iters)
    cfg.param_scheduler = [warmup, decay] if train.warmup_iters else [decay]
    cfg.train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=train.epochs, val_interval=max(train.val_interval, 1))
    cfg.log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)
    cfg.auto_scale_lr = dict(enable=False, base_batch_size=batch)  # already scaled above


def set_precision(wrapper: Any, precision: str) -> None:
    """fp32, fp16 with a dynamic loss scale, or bf16."""
    for key in ("dtype", "loss_scale"):
        wrapper.pop(key, None)
    wrapper.type = "OptimWrapper" if precision == "fp32" else "AmpOptimWrapper"
    if precision != "fp32":
        wrapper.dtype = {"fp16": "float16", "bf16": "bfloat16"}[precision]
    if precision == "fp16":
        wrapper.loss_scale = "dynamic"
