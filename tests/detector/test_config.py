"""A resolved config is the base, the study's common part and the variant's own, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS

from pipeline.commands import presets
from pipeline.common.errors import UserError
from pipeline.common.files import digest
from pipeline.detector.config import resolve
from pipeline.records import Manifest
from pipeline.study import load

from . import tiny

DEMO = load(presets.FOLDER / "demo.yaml")
FASTER = "faster_rcnn/faster-rcnn_r50_fpn_1x_coco"


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for key, item in value.items() for k, v in leaves(item, f"{path}.{key}").items()}
    if isinstance(value, list | tuple) and value:
        return {k: v for i, item in enumerate(value) for k, v in leaves(item, f"{path}.{i}").items()}
    return {path.removeprefix("."): value}


def differing(a: Any, b: Any) -> set[str]:
    one, two = leaves(a.to_dict()), leaves(b.to_dict())
    return {path for path in one.keys() | two.keys() if one.get(path, "-") != two.get(path, "-")}


@pytest.mark.parametrize("variant", [name for name in DEMO.variants if name != "baseline"])
def test_a_variant_differs_where_it_says(variant: str) -> None:
    found = differing(resolve(DEMO, "baseline"), resolve(DEMO, variant))
    assert {path.split(".")[1] for path in found} == {"type", "module", "attention"}
    assert all(path.startswith("model.") for path in found)


def test_a_variant_in_the_neck_and_with_overrides_differs_there() -> None:
    own = {
        "attention": [{"name": "se"}, {"name": "eca", "place": "neck"}],
        "overrides": {"model.rpn_head.loss_cls.loss_weight": 2.0, "train_dataloader.dataset.pipeline.3.prob": 0.1},
    }
    study = tiny.study({"x": own})
    paths = differing(resolve(study, "baseline"), resolve(study, "x"))
    parts = tuple(f"model.{part}" for part in ("type", "module", "attention"))
    assert all(any(path.startswith(part) for path in paths) for part in parts)
    assert {path for path in paths if not path.startswith(parts)} == set(own["overrides"])


def test_the_same_study_resolves_to_the_same_config_and_to_json() -> None:
    config = resolve(DEMO, "cbam").to_dict()
    assert digest(config) == digest(resolve(DEMO, DEMO.variants["cbam"]).to_dict())
    assert json.loads(json.dumps(config, allow_nan=False))
    assert str(Path.cwd()) not in json.dumps(config)


@pytest.mark.parametrize(
    ("train", "lr"),
    [
        ({"lr": 0.02, "lr_batch": 16, "batch_size": 16}, 0.02),
        ({"lr": 0.02, "lr_batch": 16, "batch_size": 2}, 0.0025),
        ({"lr": 0.02, "lr_batch": 16, "batch_size": 2, "processes": 4, "device": "cuda"}, 0.01),
    ],
)
def test_lr_is_scaled_to_the_batch(train: dict[str, Any], lr: float) -> None:
    config = resolve(tiny.study(train=train), "baseline")
    assert config.optim_wrapper.optimizer.lr == pytest.approx(lr)
    assert config.auto_scale_lr.enable is False
    assert config.train_dataloader.batch_size == train["batch_size"]


def test_the_schedule() -> None:
    train = {"epochs": 12, "milestones": [8, 11], "warmup_iters": 500, "optimizer": "sgd", "weight_decay": 0.0001}
    config = resolve(tiny.study(train=train), "baseline")
    warmup, decay = config.param_scheduler
    assert (warmup.type, warmup.end, warmup.by_epoch) == ("LinearLR", 500, False)
    assert (decay.type, decay.milestones, decay.end, decay.gamma) == ("MultiStepLR", [8, 11], 12, 0.1)
    sgd = dict(type="SGD", lr=None, momentum=0.9, weight_decay=0.0001, foreach=True)
    assert dict(config.optim_wrapper.optimizer, lr=None) == sgd
    assert "clip_grad" not in config.optim_wrapper
    config = resolve(tiny.study(train={"clip_grad_norm": 35.0, "precision": "fp16", "device": "cuda"}), "baseline")
    (decay,) = config.param_scheduler
    assert (decay.type, decay.T_max) == ("CosineAnnealingLR", 1)
    assert config.optim_wrapper.type == "AmpOptimWrapper"
    assert (config.optim_wrapper.dtype, config.optim_wrapper.loss_scale) == ("float16", "dynamic")
    assert config.optim_wrapper.clip_grad.max_norm == 35.0


def test_validation_is_all_there_or_not_at_all() -> None:
    parts = ("val_dataloader", "val_evaluator", "val_cfg")
    off = resolve(tiny.study(train={"val_interval": 0}), "baseline")
    assert [off[part] for part in parts] == [None, None, None]
    on = resolve(tiny.study(train={"val_interval": 3}), "baseline")
    assert all(on[part] for part in parts)
    assert on.train_cfg.val_interval == 3


def test_the_report_split_is_what_is_predicted(project: Path) -> None:
    manifest = Manifest.read(Path("data/coco/manifest.json"))
    splits = {**manifest.splits, "test": manifest.splits["val"].model_copy(update={"annotations": "test.json"})}
    tested = manifest.model_copy(update={"splits": splits, "report_split": "test"})
    config = resolve(tiny.study(), "baseline", tested)
    assert config.test_dataloader.dataset.ann_file == "data/coco/test.json"


def test_overrides_of_the_study_and_of_a_variant() -> None:
    study = tiny.study(
        {"x": {"overrides": {"param_scheduler.0.end": 7}}}, "faster_r18", train={"warmup_iters": 5}
    )  # the override of faster_r18 is the study's
    config, plain = resolve(study, "x"), resolve(study, "baseline")
    assert (config.param_scheduler[0].end, plain.param_scheduler[0].end) == (7, 5)
    assert config.model.backbone.depth == plain.model.backbone.depth == 18


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (
            "model.bakbone.depth",
            "variant overrides: 'model.bakbone.depth': nothing at 'model.bakbone'; allowed there: ",
        ),
        ("param_scheduler.5.end", "nothing at 'param_scheduler.5'; allowed there: 0 to 0"),
        ("param_scheduler.end", "no 'end' at 'param_scheduler'; allowed there: 0 to 0"),
        ("train_cfg.max_epochs.x", "no 'x' at 'train_cfg.max_epochs'; allowed there: nothing"),
    ],
)
def test_an_override_that_fits_nowhere(key: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(tiny.study({"x": {"overrides": {key: 1}}}), "x")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("faster_rcnn/faster-rcnn_r51_fpn_1x_coco", "near: faster_rcnn/faster-rcnn_r50_fpn_1x_coco"),
        ("nothing/like_this", "`python -m pipeline configs WORDS` lists what MMDetection has"),
        ("../../setup", "neither a file here nor a config of MMDetection"),
        ("_base_/datasets/coco_detection", "has no model.backbone"),
    ],
)
def test_a_base_config_that_is_none(name: str, words: str) -> None:
    study = tiny.study().model_copy(update={"detector": tiny.study().detector.model_copy(update={"config": name})})
    with pytest.raises(UserError) as error:
        resolve(study, "baseline")
    assert repr(name) in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["swin/retinanet_swin-t-p4-w7_fpn_1x_coco", "dyhead/atss_r50_fpn_dyhead_1x_coco"])
def test_a_detector_that_has_no_thin_form(name: str) -> None:
    with pytest.raises(UserError, match=r"detector\.width: thin .*allowed: full"):
        resolve(tiny.study(config=name, overrides={}), "baseline")


@pytest.mark.parametrize("detector", tiny.DETECTORS)
def test_thin_is_a_quarter_of_full(detector: str) -> None:
    with torch.device("meta"):
        thin, full = (
            MODELS.build(resolve(tiny.study(detector=detector, width=width, **wide(detector, width)), "baseline").model)
            for width in ("thin", "full")
        )
    for name, parameter in full.named_parameters():
        if name.startswith(("backbone.layer", "neck.")) and parameter.ndim == 4:
            quarter = [size // 4 for size in parameter.shape[:2]]
            assert list(thin.get_parameter(name).shape) == [*quarter, *parameter.shape[2:]], name


@pytest.mark.parametrize(
    "name", ["cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco", "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco"]
)
def test_thin_reaches_every_head(name: str) -> None:
    with torch.device("meta"):
        model = MODELS.build(resolve(tiny.study(config=name, overrides={}), "baseline").model)
    heads = [parameter for part, parameter in model.named_parameters() if "head" in part and parameter.ndim == 4]
    assert heads
    heads += [parameter for part, parameter in model.named_parameters() if "shared_fcs.0.weight" in part]
    assert {parameter.shape[1] for parameter in heads} <= {64, 64 * 7 * 7}


def wide(detector: str, width: str) -> dict[str, Any]:
    """The full ResNet-18 pyramid takes four times the channels that the thin one's override says."""
    if detector != "faster_r18" or width == "thin":
        return {}
    return {"overrides": {**tiny.R18, "model.neck.in_channels": [64, 128, 256, 512]}}


def test_a_thin_detector_is_for_small_pictures() -> None:
    model = resolve(tiny.study(), "baseline").model
    assert model.rpn_head.anchor_generator.scales == [4]
    assert model.test_cfg.rpn.max_per_img == model.train_cfg.rpn_proposal.max_per_img == 200
    assert model.train_cfg.rcnn.sampler.num == 64


def test_missing_data_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no such file; `dvc repro prepare` writes it"):
        resolve(tiny.study(), "baseline")
