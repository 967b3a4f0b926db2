"""What cannot be trained is one sentence when plans are made, never a traceback, and names what to change."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.detector.config import resolve
from pipeline.detector.config.check import checked

from . import tiny

UNSUPPORTED = [
    ("bytetrack/bytetrack_yolox_x_8xb4-80e_crowdhuman-mot17halftrain_test-mot17halfval", "tracks objects"),
    ("masktrack_rcnn/masktrack-rcnn_mask-rcnn_r50_fpn_8xb1-12e_youtubevis2019", "tracks objects"),
    ("mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2019", "through a video"),
    ("panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco", "segments panoptically"),
    ("grounding_dino/grounding_dino_swin-t_finetune_16xb2_1x_coco", "text prompts"),
    ("glip/glip_atss_swin-t_a_fpn_dyhead_16xb2_ms-2x_funtune_coco", "text prompts"),
    ("reid/reid_r50_8xb32-6e_mot17train80_test-mot17val20", "re-identifies persons"),
    ("ld/ld_r18-gflv1-r101_fpn_1x_coco", "distils a trained teacher"),
    ("soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco", "semi-supervised"),
    ("mask_rcnn/mask-rcnn_r50_fpn_1x_coco", "needs masks"),
    ("solo/solo_r50_fpn_1x_coco", "needs masks"),
    ("rpn/rpn_r50_fpn_1x_coco", "proposes regions without classes"),
    ("fast_rcnn/fast-rcnn_r50_fpn_1x_coco", "needs precomputed proposals"),
    ("maskformer/maskformer_r50_ms-16xb1-75e_coco", "segments panoptically"),
    ("mask2former/mask2former_r50_8xb2-lsj-50e_coco", "segments panoptically or by instance"),
    ("qdtrack/qdtrack_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval", "tracks objects"),
    ("ocsort/ocsort_yolox_x_8xb4-amp-80e_crowdhuman-mot17halftrain_test-mot17halfval", "tracks objects"),
    ("deepsort/deepsort_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval", "tracks objects"),
    ("strongsort/strongsort_yolox_x_8xb4-80e_crowdhuman-mot17halftrain_test-mot17halfval", "tracks objects"),
    ("lad/lad_r50-paa-r101_fpn_2xb8_coco_1x", "distils a trained teacher"),
    ("queryinst/queryinst_r50_fpn_1x_coco", "needs masks"),
    ("misc/d2_faster-rcnn_r50-caffe_fpn_ms-90k_coco", "is a model of detectron2"),
    ("clrnet/clrnet", "detects lanes"),
    ("common/ms-90k_coco", "no model.backbone"),
]


def refusal(variant: dict[str, Any] | None = None, **settings: Any) -> str:
    with pytest.raises(UserError) as error:
        checked(tiny.study({"x": variant or {}}, **settings), "x")
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "words"), UNSUPPORTED)
def test_a_detector_that_boxes_cannot_train(name: str, words: str) -> None:
    with pytest.raises(UserError, match=r"detector\.config: .* is not supported: ") as error:
        resolve(tiny.study(config=name, width="full", overrides={}), "baseline")
    assert words in str(error.value)


def test_a_config_that_mmdetection_ships_without_its_base() -> None:
    name = "bytetrack/bytetrack_yolox_x_8xb4-amp-80e_crowdhuman-mot17halftrain_test-mot17test"
    missing = "bytetrack/bytetrack/bytetrack_yolox_x_8xb4-amp-80e_crowdhuman-mot17halftrain_test-mot17halfval.py"
    assert refusal(config=name, width="full", overrides={}) == (
        f"detector.config: {name!r} does not load: it needs the file {missing}, which is not there"
    )


OVERRIDES: list[tuple[str, Any, str]] = [
    ("model.backbone.depth", 51, "invalid depth 51 for resnet"),
    ("model.backbone.type", "ResNot", "ResNot"),
    ("model.backbone.colour", "red", "unexpected keyword argument 'colour'"),
    ("model.neck.in_channels", [1, 2, 3, 4], "no image passes through it"),
    ("optim_wrapper.optimizer.lr", "fast", "optim_wrapper: "),
    ("optim_wrapper.optimizer.type", "SDG", "SDG"),
    ("optim_wrapper.optimizer.momentums", 0.9, "unexpected keyword argument 'momentums'"),
    ("param_scheduler.0.T_maximum", 9, "unexpected keyword argument 'T_maximum'"),
    ("train_cfg.max_epochs", "three", "'three' is no number of epochs"),
    ("train_cfg.type", "Loop", "Loop is no loop"),
    ("train_dataloader.batch_size", 0, "batch_size"),
    ("train_dataloader.dataset.pipeline.2.keep_ratios", True, "unexpected keyword argument 'keep_ratios'"),
    ("train_dataloader.dataset.pipeline.3.type", "RandomFlop", "RandomFlop"),
    ("train_dataloader.dataset.pipeline.2.scale", "wide", "pipelines: "),
    ("test_dataloader.dataset.pipeline.1.scale", [0, 64], "pipelines: "),
    ("train_dataloader.dataset.filter_cfg.min_size", 1000, "pipelines: "),
    ("model.data_preprocessor.mean", [1, 2], "model: "),
    ("model.data_preprocessor.pad_size_divisor", "32", "pipelines: "),
    ("custom_hooks.1.intervall", 2, "unexpected keyword argument 'intervall'"),
]


@pytest.mark.parametrize(("key", "value", "words"), OVERRIDES)
def test_an_override_that_a_constructor_refuses(key: str, value: Any, words: str) -> None:
    message = refusal({"overrides": {key: value}})
    assert message.startswith(f"variants.x overrides: {key!r}: {value!r}: ")
    assert words in message


def test_an_override_of_the_study_that_a_constructor_refuses() -> None:
    message = refusal(overrides={**tiny.R50, "model.backbone.depth": 51})
    assert message.startswith("detector overrides: 'model.backbone.depth': 51: ")


def test_the_words_of_a_base_config_that_does_not_build() -> None:
    message = refusal(config="cascade_rpn/cascade-rpn_fast-rcnn_r50-caffe_fpn_1x_coco", width="full", overrides={})
    assert message.startswith("detector.config: ")


def test_a_warm_up_that_outlasts_the_training() -> None:
    with pytest.raises(UserError) as error:
        tiny.plan(tiny.study(train={"warmup_iters": 3}), "baseline")
    assert str(error.value) == (
        "params.yaml: variants.baseline: train.warmup_iters: a warm-up of 3 iterations is longer than the training "
        "(2 iterations); allowed: 0 to 2"
    )


def test_an_operator_that_has_no_form_for_a_processor() -> None:
    settings: dict[str, Any] = {"config": "carafe/faster-rcnn_r50_fpn-carafe_1x_coco", "width": "full", "overrides": {}}
    assert refusal(**settings).endswith("; set device: cuda")
    on_a_gpu = tiny.study({}, train={"device": "cuda"}, **settings)
    assert checked(on_a_gpu, "baseline").model.neck.type == "FPN_CARAFE"
