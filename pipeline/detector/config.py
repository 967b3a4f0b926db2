"""Study -> the complete MMEngine config of a variant. What two variants share is written once, here."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.records import Manifest
from pipeline.study import Study
from pipeline.study.sections import Train, Variant

PATHS = Paths()  # relative: a plan holds on any machine
NARROW = {256: 64, 1024: 256}  # pyramid and head widths of a thin detector, as a quarter
WIDTH_KEYS = ("in_channels", "out_channels", "feat_channels", "fc_out_channels", "conv_out_channels")
THIN = ("ResNet", "ResNeXt", "Res2Net")  # backbones whose widths follow from `base_channels`
FEWER = {"nms_pre": 400, "max_per_img": 200}  # a thin detector's proposals


def resolve(study: Study, variant: str | Variant, manifest: Manifest | None = None) -> Any:
    """The MMEngine Config that trains `variant`; it needs no seed: that is given when a cell starts.

    `manifest` is the prepared data set's, read from data/coco by default. Raises UserError for an
    unknown base config or an override that fits nowhere.
    """
    if isinstance(variant, str):
        variant = study.variants[variant]
    if manifest is None:
        manifest = Manifest.read(PATHS.manifest)
    cfg = _base(study.detector.config)
    _width_and_weights(cfg.model, study)
    _classes(cfg.model, len(manifest.classes))
    _data(cfg, study.train, manifest)
    _schedule(cfg, study.train)
    _runtime(cfg, study.train)
    for source, overrides in (("detector", study.detector.overrides), ("variant", variant.overrides)):
        for key, value in overrides.items():
            _override(cfg, key, value, source)
    _attention(cfg.model, variant)  # last, so that an override may replace a whole backbone and lose no module
    return cfg


def _base(name: str) -> Any:
    import mmdet
    from mmengine.config import Config

    root = Path(mmdet.__file__).parent / ".mim" / "configs"
    path = root / f"{name.removesuffix('.py')}.py"
    if not path.is_file():
        near = sorted(p.stem for p in path.parent.glob("*.py")) if path.parent.is_dir() and path.parent != root else []
        raise UserError(
            f"detector.config: MMDetection has no config {name!r}; allowed: "
            + (
                ", ".join(near[:8]) + " ..."
                if near
                else "a path below its configs folder, e.g. retinanet/retinanet_r50_fpn_1x_coco"
            )
        )
    with contextlib.redirect_stdout(io.StringIO()):
        cfg = Config.fromfile(str(path))
    if cfg.get("model", {}).get("backbone") is None:
        raise UserError(f"detector.config: {name!r} has no model.backbone; allowed: a detector's config")
    return cfg


def _width_and_weights(model: Any, study: Study) -> None:
    detector = study.detector
    backbone = model.backbone
    for key in ("frozen_stages", "norm_eval"):
        if key in backbone:
            backbone[key] = getattr(detector, key)
    # Without weights MMDetection's own initialisation must run: it does where init_cfg is absent.
    backbone.pop("init_cfg", None)
    if detector.weights:
        backbone.init_cfg = dict(type="Pretrained", checkpoint=detector.weights)
    if detector.width == "full":
        return
    if backbone.type not in THIN or not isinstance(model.get("neck"), Mapping):
        raise UserError(
            f"detector.width: thin needs one neck and a backbone of {', '.join(THIN)}; {detector.config} has "
            f"{backbone.type}; allowed: full"
        )
    backbone.base_channels = 16
    model.neck.in_channels = [channels // 4 for channels in model.neck.in_channels]
    for part in ("neck", "rpn_head", "roi_head", "bbox_head"):
        if part in model:
            _narrow(model[part])
    _fewer_proposals(model)


def _narrow(node: Any) -> None:
    """Quarter the widths in a part of the model, wherever they are written."""
    for key, value in list(node.items()):
        if key in WIDTH_KEYS and isinstance(value, int):
            node[key] = NARROW.get(value, value)
        for part in value if isinstance(value, list) else [value]:  # a cascade has a list of heads
            if isinstance(part, dict):
                _narrow(part)
        if isinstance(value, dict) and value.get("type") == "AnchorGenerator" and value.get("scales") == [8]:
            value["scales"] = [4]  # a thin detector is for small images


def _fewer_proposals(model: Any) -> None:
    train, test = model.get("train_cfg") or {}, model.get("test_cfg") or {}
    for config in (train.get("rpn_proposal"), test.get("rpn")):
        if config:
            config.update(FEWER)
    rcnn = train.get("rcnn")
    for stage in rcnn if isinstance(rcnn, list) else [rcnn]:
        if stage and "sampler" in stage:
            stage.sampler.num = 64


def _classes(node: Any, count: int) -> None:
    """Every `num_classes` of the model, but an RPN's own (always 1)."""
    for key, value in list(node.items()):
        if key == "num_classes":
            node[key] = count
        elif isinstance(value, Mapping) and key != "rpn_head":
            _classes(value, count)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    _classes(item, count)


def _data(cfg: Any, train: Train, manifest: Manifest) -> None:
    size = tuple(train.image_size)
    pack = dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"))
    load = [dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True)]
    resize = dict(type="Resize", scale=size, keep_ratio=True)
    flip = dict(type="RandomFlip", prob=train.flip)

    def dataset(split: str, **more: Any) -> dict[str, Any]:
        part = manifest.splits[split]
        return dict(
            type="SharedDrawsDataset",
            metainfo=dict(classes=tuple(manifest.classes)),
            ann_file=str(PATHS.coco / part.annotations),
            data_prefix=dict(img=part.images),
            **more,
        )

    def loader(data: dict[str, Any], batch_size: int, shuffle: bool, **more: Any) -> dict[str, Any]:
        return dict(
            batch_size=batch_size,
            num_workers=train.workers,
            persistent_workers=False,  # each epoch's workers must see that epoch's draws
            sampler=dict(type="DefaultSampler", shuffle=shuffle),
            dataset=data,
            **more,
        )

    def evaluator(split: str) -> dict[str, Any]:
        return dict(type="CocoMetric", ann_file=str(PATHS.coco / manifest.splits[split].annotations), metric="bbox")

    training = [*load, resize, flip, dict(type="PackDetInputs")]
    shown = dataset("train", filter_cfg=dict(filter_empty_gt=True, min_size=1), pipeline=training)
    cfg.train_dataloader = loader(shown, train.batch_size, True, batch_sampler=dict(type="AspectRatioBatchSampler"))
    testing = [load[0], resize, load[1], pack]
    report = manifest.report_split
    cfg.val_dataloader = loader(dataset("val", test_mode=True, pipeline=testing), 1, False, drop_last=False)
    cfg.test_dataloader = loader(dataset(report, test_mode=True, pipeline=testing), 1, False, drop_last=False)
    cfg.val_evaluator, cfg.test_evaluator = evaluator("val"), evaluator(report)
    for left_over in ("train_pipeline", "test_pipeline", "dataset_type", "data_root", "backend_args"):
        cfg.pop(left_over, None)


def _schedule(cfg: Any, train: Train) -> None:
    batch = train.batch_size * train.processes
    lr = train.lr * batch / train.lr_batch
    optimizer = {
        "sgd": dict(type="SGD", lr=lr, momentum=0.9, weight_decay=train.weight_decay),
        "adamw": dict(type="AdamW", lr=lr, weight_decay=train.weight_decay),
    }[train.optimizer]
    cfg.optim_wrapper = dict(type="OptimWrapper", optimizer=optimizer, constructor="SparesGates")
    if train.clip_grad_norm is not None:
        cfg.optim_wrapper.clip_grad = dict(max_norm=train.clip_grad_norm, norm_type=2)
    if train.precision != "fp32":
        dtype = {"fp16": "float16", "bf16": "bfloat16"}[train.precision]
        cfg.optim_wrapper.update(type="AmpOptimWrapper", dtype=dtype)
        if train.precision == "fp16":
            cfg.optim_wrapper.loss_scale = "dynamic"
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
    cfg.val_cfg, cfg.test_cfg = dict(type="ValLoop"), dict(type="TestLoop")
    if not train.val_interval:  # MMEngine wants all three or none, and would validate after the last epoch
        cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.auto_scale_lr = dict(enable=False, base_batch_size=batch)  # already scaled above


def _runtime(cfg: Any, train: Train) -> None:
    cfg.custom_imports = dict(imports=["pipeline.detector.registered"], allow_failed_imports=False)
    cfg.custom_hooks = [dict(type="CommonRandomNumbers"), dict(type="History", interval=train.log_interval)]
    cfg.default_hooks.checkpoint = dict(type="WholeCheckpoints", keep=2)
    cfg.default_hooks.logger = dict(type="LoggerHook", interval=train.log_interval)
    cfg.vis_backends = []
    cfg.visualizer = dict(type="DetLocalVisualizer", vis_backends=[], name="visualizer")
    cfg.env_cfg = dict(
        cudnn_benchmark=False,
        mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
        dist_cfg=dict(backend="nccl" if train.device == "cuda" else "gloo"),
    )
    if train.processes > 1 and train.device == "cpu":  # MMEngine would name GPUs
        cfg.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
    cfg.resources = dict(device=train.device, threads=train.threads, processes=train.processes)


def _attention(model: Any, variant: Variant) -> None:
    insertions = [insertion.model_dump() for insertion in variant.attention]
    for part, chosen in (
        ("backbone", [i for i in insertions if i["place"] != "neck"]),
        ("neck", [i for i in insertions if i["place"] == "neck"]),
    ):
        if not chosen:
            continue
        if not isinstance(model.get(part), Mapping):
            raise UserError(
                f"place {chosen[0]['place']!r}: the detector has no single {part}; allowed: another place or detector"
            )
        module = model[part]
        model[part] = dict(module, type="WithAttention", module=module["type"], attention=chosen)


def _override(cfg: Any, key: str, value: Any, source: str) -> None:
    """Set a dotted path, e.g. `model.backbone.depth: 101`; all but its last part must exist."""
    node, (*path, last) = cfg, key.split(".")
    for depth, part in enumerate(path):
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif _has_keys(node) and part in node:
            node = node[part]
        else:
            where = f"nothing at {'.'.join(path[: depth + 1])!r}"
            raise UserError(f"{source} overrides: {key!r}: {where}; allowed there: {_keys(node)}")
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif _has_keys(node):
        node[last] = value
    else:
        raise UserError(f"{source} overrides: {key!r}: no {last!r} at {'.'.join(path)!r}; allowed there: {_keys(node)}")


def _has_keys(node: Any) -> bool:
    return hasattr(node, "keys")


def _keys(node: Any) -> str:
    if isinstance(node, list):
        return f"0 to {len(node) - 1}"
    return ", ".join(map(str, node.keys())) if _has_keys(node) else "nothing"
