"""`recipe: config` keeps a config's recipe but for files and classes; each key of `train` changes it by its rule."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmdet
import pytest
import torch
from ruamel.yaml import YAML

from benchmarks.zoo.kept import lost
from pipeline.common.errors import UserError
from pipeline.common.paths import CellPaths
from pipeline.detector.config import base, resolve
from pipeline.detector.config.scaling import Clock, scale_schedule, scale_sizes
from pipeline.detector.train import train
from pipeline.study import Study
from pipeline.study.code import ROOT

from . import tiny

YOLOX = "yolox/yolox_tiny_8xb8-300e_coco"
RTMDET = "rtmdet/rtmdet_tiny_8xb32-300e_coco"
FASTER = "faster_rcnn/faster-rcnn_r50_fpn_1x_coco"
SAMPLE = [
    FASTER, YOLOX, RTMDET,
    "detr/detr_r50_8xb2-150e_coco", "ddq/ddq-detr-4scale_r50_8xb2-12e_coco", "ssd/ssd300_coco",
    "yolof/yolof_r50-c5_8xb8-iter-1x_coco", "pascal_voc/retinanet_r50_fpn_1x_voc0712",
    "openimages/faster-rcnn_r50_fpn_32xb2-1x_openimages-challenge", "centernet/centernet_r18_8xb16-crop512-140e_coco",
]  # fmt: skip
TOOL = Path(mmdet.__file__).parent / ".mim/tools/train.py"


def own(config: str, variants: dict[str, Any] | None = None, **given: Any) -> Study:
    return Study.model_validate(
        {
            "dataset": {"source": "roadmarks"},
            "detector": {"config": config, "width": "full"},
            "train": {"recipe": "config", "log_interval": 1, **given},
            "variants": {"baseline": {}, **(variants or {})},
            "seeds": [0],
        }
    )


@pytest.mark.parametrize("name", SAMPLE)
def test_only_files_classes_and_the_machines_part_differ(name: str) -> None:
    assert lost(base.load(name), resolve(own(name), "baseline")) == []


def test_what_is_lost_would_be_found() -> None:
    original = base.load(RTMDET)
    assert lost(original, resolve(own(RTMDET, flip=0.1), "baseline")) == [
        "data.pipeline.6.prob", "hooks.1.switch_pipeline.5.prob",
    ]  # fmt: skip
    gone = set(lost(original, resolve(own(RTMDET, recipe="study"), "baseline")))
    assert {"hooks.0.type", "optimizer.paramwise_cfg.norm_decay_mult", "data.pipeline.2.type"} <= gone


def test_epochs_move_every_time_of_rtmdet() -> None:
    config = resolve(own(RTMDET, epochs=30), "baseline")
    warmup, cosine = config.param_scheduler
    assert (warmup.end, cosine.begin, cosine.end, cosine.T_max) == (100, 15, 30, 15)
    assert config.train_cfg.max_epochs == 30
    assert next(hook for hook in config.custom_hooks if hook.type == "PipelineSwitchHook").switch_epoch == 28


def test_epochs_move_every_time_of_yolox_and_tood() -> None:
    config = resolve(own(YOLOX, epochs=3), "baseline")
    assert [(part.type, part.begin, part.end) for part in config.param_scheduler] == [
        ("mmdet.QuadraticWarmupLR", 0, 1), ("CosineAnnealingLR", 1, 2), ("ConstantLR", 2, 3),
    ]  # fmt: skip
    assert next(hook for hook in config.custom_hooks if hook.type == "YOLOXModeSwitchHook").num_last_epochs == 1
    assert resolve(own("tood/tood_r50_fpn_1x_coco", epochs=24), "baseline").model.train_cfg.initial_epoch == 8


def test_a_loop_of_iterations_takes_epochs_as_passes() -> None:
    name = "yolof/yolof_r50-c5_8xb8-iter-1x_coco"  # 22500 iterations, milestones 15000 and 20000
    config = resolve(own(name, epochs=6, batch_size=2), "baseline")  # 4 images
    assert (config.train_cfg.type, config.train_cfg.max_iters) == ("IterBasedTrainLoop", 12)
    assert config.param_scheduler[1].milestones == [8, 11]
    assert config.train_dataloader.sampler.type == "PassesInfiniteSampler"


@pytest.mark.parametrize(
    ("given", "lr"),
    [
        ({}, 0.02),
        ({"batch_size": 4}, 0.005),
        ({"batch_size": 4, "processes": 2}, 0.01),
        ({"lr": 0.1}, 0.1),
        ({"lr": 0.1, "batch_size": 4}, 0.025),
        ({"lr": 0.1, "lr_batch": 8, "batch_size": 4}, 0.05),
    ],
)
def test_the_learning_rate_follows_the_batch(given: dict[str, Any], lr: float) -> None:
    config = resolve(own(FASTER, **given), "baseline")  # 0.02 for a batch of 16
    assert config.optim_wrapper.optimizer.lr == pytest.approx(lr)
    assert config.train_dataloader.batch_size == given.get("batch_size", 2)


def test_image_size_scales_every_size_by_one_factor() -> None:
    config = resolve(own("yolox/yolox_s_8xb8-300e_coco", image_size=[320, 320]), "baseline")  # half of 640
    mosaic, affine, mixup, *_ = config.train_dataloader.dataset.pipeline
    assert (mosaic.img_scale, affine.border, mixup.img_scale) == ((320, 320), (-160, -160), (320, 320))
    assert config.test_dataloader.dataset.pipeline[1].scale == (320, 320)
    assert config.model.data_preprocessor.batch_augments[0].random_size_range == (256, 384)  # 480, 800
    assert config.resources.image_size == [320, 320]


def test_the_other_keys() -> None:
    given: dict[str, Any] = {
        "weight_decay": 0.5,
        "clip_grad_norm": 3.0,
        "milestones": [2, 5],
        "warmup_iters": 7,
        "flip": 0.25,
    }
    config = resolve(own(FASTER, **given), "baseline")
    assert config.optim_wrapper.optimizer.weight_decay == 0.5
    assert config.optim_wrapper.clip_grad.max_norm == 3.0
    warmup, steps = config.param_scheduler
    assert (warmup.end, steps.milestones) == (7, [2, 5])
    assert [part.prob for part in config.train_dataloader.dataset.pipeline if part.type == "RandomFlip"] == [0.25]
    assert len(resolve(own(FASTER, warmup_iters=0), "baseline").param_scheduler) == 1
    assert (
        "clip_grad" not in resolve(own("detr/detr_r50_8xb2-150e_coco", clip_grad_norm=None), "baseline").optim_wrapper
    )


def test_parameter_groups_are_the_configs_and_gates_do_not_decay() -> None:
    wrapper = resolve(own("detr/detr_r50_8xb2-150e_coco"), "baseline").optim_wrapper
    assert wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 0.1
    assert wrapper.constructor == "NoGateDecayConstructor"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        (FASTER, {"optimizer": "sgd"}, "train.optimizer: with recipe: config the optimizer is the config's"),
        (FASTER, {"lr_batch": 4}, "train.lr_batch: with recipe: config it goes with lr"),
        (RTMDET, {"milestones": [3]}, "train.milestones: the config has no schedule of milestones"),
        (FASTER, {"milestones": [12]}, "train.milestones: 12 would never come: training ends after epoch 12"),
        (YOLOX, {"warmup_iters": 3}, "train.warmup_iters: the config has no warm-up in iterations"),
        ("ssd/ssd300_coco", {"image_size": [160, 160]}, "made for 300 x 300 images alone"),
    ],
)
def test_a_key_that_cannot_apply(name: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(own(name, **given), "baseline")
    assert words in str(error.value)


def test_times_between_begin_and_end_stay_between() -> None:
    clock = Clock(300, 3)
    assert [clock.at(time) for time in (0, 1, 150, 280, 300)] == [0, 1, 2, 2, 3]
    assert Clock(12, 1).at(8) == 1
    assert scale_schedule([{"type": "MultiStepLR", "milestones": [8, 11], "end": 12}], Clock(12, 2), True) == [
        {"type": "MultiStepLR", "milestones": [1, 1], "end": 2}  # a tenth of a tenth, as at the end of twelve
    ]


def test_sizes_on_the_grid_stay_on_it_and_shares_stay_shares() -> None:
    node: dict[str, Any] = {"pipeline": [
        {"type": "Pad", "size": (640, 640)}, {"type": "RandomCrop", "crop_size": (0.3, 0.7)},
        {"type": "RandomChoiceResize", "scales": [(480, 1333), (800, 1333)]},
    ]}  # fmt: skip
    scale_sizes(node, 0.16)
    assert [list(part.values())[1] for part in node["pipeline"]] == [(96, 96), (0.3, 0.7), [(77, 213), (128, 213)]]


def test_what_the_page_tells_a_user_of_yolox_to_write() -> None:
    """Its lines are planned as they stand, and do what is said beside them."""
    page = (ROOT / "docs" / "detectors.md").read_text(encoding="utf-8")
    lines = page.split("```yaml\n")[1].split("```")[0]
    assert len(lines.splitlines()) <= 10
    study = Study.model_validate({"dataset": {"source": "roadmarks"}, **YAML(typ="safe").load(lines)})
    baseline, cbam = (tiny.plan(study, name).config for name in ("baseline", "cbam"))
    content: Any = baseline
    assert content["train_cfg"]["max_epochs"] == 50
    assert content["optim_wrapper"]["optimizer"]["lr"] == pytest.approx(0.01 * 16 / 64)
    assert next(hook for hook in content["custom_hooks"] if "num_last_epochs" in hook)["num_last_epochs"] == 3  # of 15
    attention: Any = cbam["model"]
    assert len(attention["attention"][0]["sites"]) == 4


STOCK = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
custom_imports = dict(imports=["pipeline.detector.registered"], allow_failed_imports=False)
custom_hooks = [dict(type="CommonRandomNumbers")]
model = dict(backbone=dict(init_cfg=None), roi_head=dict(bbox_head=dict(num_classes=5)))
classes = ("CLASSES")
files = dict(type="SharedDrawsDataset", data_root="", metainfo=dict(classes=classes), data_prefix=dict(img="IMAGES"))
train_pipeline = [
    dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(192, 115), keep_ratio=True), dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False, sampler=dict(type="PassesDefaultSampler"),
    dataset=dict(ann_file="data/coco/train.json", pipeline=train_pipeline, **files),
)
val_dataloader = val_evaluator = val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=0.005))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=2),
    dict(type="MultiStepLR", begin=0, end=3, by_epoch=True, milestones=[2, 2], gamma=0.1),
]
train_cfg = dict(max_epochs=3)
env_cfg = dict(dist_cfg=dict(backend="gloo"))
"""


@pytest.mark.slow
def test_mmdetections_own_tool_trains_to_the_same_weights(project: Path, tmp_path: Path) -> None:
    """Three iterations of a file written by hand from the documented rules, by tools/train.py, and of the study."""
    study = own(FASTER, epochs=3, batch_size=4, image_size=[192, 120], warmup_iters=2)
    plan = tiny.plan(study, "baseline")
    dataset: Any = plan.mmengine_config()["train_dataloader"]["dataset"]
    text = STOCK.replace('("CLASSES")', repr(dataset["metainfo"]["classes"]))
    (tmp_path / "stock.py").write_text(text.replace("IMAGES", dataset["data_prefix"]["img"]))
    ran = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path / "stock.py"), "--work-dir", str(tmp_path / "stock"),
         "--cfg-options", "randomness.seed=3"],
        cwd=project, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    train(plan, 3, "d" * 64, CellPaths(tmp_path / "ours"))
    theirs = torch.load(tmp_path / "stock/epoch_3.pth", map_location="cpu", weights_only=False)["state_dict"]
    ours = torch.load(tmp_path / "ours/checkpoint.pth", map_location="cpu", weights_only=True)["state_dict"]
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(value, ours[key]) for key, value in theirs.items())
