"""Detectors of every kind, transformers included: what two variants share starts equal, whatever was drawn before."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS

from pipeline.detector.config import resolve
from pipeline.detector.placement import attention_modules
from pipeline.detector.randomness import initialise

from . import tiny
from .test_own_recipe import RTMDET, YOLOX, own

DETECTORS = {
    "rtmdet": RTMDET,
    "yolox": YOLOX,
    "dino": "dino/dino-4scale_r50_8xb2-12e_coco",
    "detr": "detr/detr_r50_8xb2-150e_coco",
    "ddq": "ddq/ddq-detr-4scale_r50_8xb2-12e_coco",
    "sparse": "sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco",
    "swin": "swin/retinanet_swin-t-p4-w7_fpn_1x_coco",
    "pvt": "pvt/retinanet_pvtv2-b0_fpn_1x_coco",
    "ssd": "ssd/ssd300_coco",
}


def started(config: Any, stream: int, seed: int = 0) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    torch.manual_seed(stream)
    model = MODELS.build(copy.deepcopy(config.model))  # some constructors write into it
    initialise(model, seed)
    return model.state_dict(), tuple(f"{name}." for name in attention_modules(model))


@pytest.mark.parametrize("name", tiny.few(DETECTORS, "rtmdet", "dino", "pvt"))
def test_what_variants_share_starts_equal(name: str) -> None:
    size = {} if name == "ssd" else {"image_size": [128, 128]}
    attention = [{"name": "cbam", "place": "after_stage", "stages": [2]}, {"name": "cbam", "place": "neck"}]
    study = own(DETECTORS[name], {"x": {"attention": attention}}, **size)
    plain, _ = started(resolve(study, "baseline"), stream=1)
    state, ours = started(resolve(study, "x"), stream=2)
    shared = {key: value for key, value in state.items() if not key.startswith(ours)}
    assert ours
    assert shared.keys() == plain.keys()
    assert [key for key, value in shared.items() if not torch.equal(value, plain[key])] == []


def test_another_seed_draws_other_weights() -> None:
    config = resolve(own(DETECTORS["detr"], image_size=[128, 128]), "baseline")
    one, two = started(config, stream=1, seed=0)[0], started(config, stream=1, seed=1)[0]
    same = {key for key, value in one.items() if torch.equal(value, two[key]) and value.unique().numel() > 1}
    assert {key for key in same if "weight" in key and "bn" not in key and "norm" not in key} == set()
