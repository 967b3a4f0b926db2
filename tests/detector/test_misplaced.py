"""A place that is not there is an error that names those that are."""

from __future__ import annotations

from typing import Any

import pytest
from mmdet.registry import MODELS

from pipeline.common.errors import UserError
from pipeline.detector.config import resolve

from . import tiny


def refusal(insertion: dict[str, Any], detector: str = "faster_r50", **settings: Any) -> str:
    study = tiny.study({"x": {"attention": [{"name": "se", **insertion}]}}, detector, **settings)
    with pytest.raises(UserError) as error:
        MODELS.build(resolve(study, "x").model)
    return str(error.value)


def test_a_basic_block_has_no_third_convolution() -> None:
    assert refusal({"place": "after_conv3"}, "faster_r18") == (
        "attention se: BasicBlock has no place 'after_conv3'; "
        "allowed: after_conv1, after_conv2, before_add, after_stage, neck"
    )


def test_a_stage_that_the_backbone_lacks() -> None:
    three = {"num_stages": 3, "strides": [1, 2, 2], "dilations": [1, 1, 1], "out_indices": [2]}
    message = refusal({"stages": [4]}, overrides={f"model.backbone.{key}": value for key, value in three.items()})
    assert message == "attention se: no stage 4; allowed: 1 to 3"


@pytest.mark.parametrize("stages", [[2, 3], [2], None])
def test_a_frozen_stage(stages: list[int] | None) -> None:
    message = refusal({"stages": stages}, frozen_stages=2)
    assert "is frozen (detector.frozen_stages is 2)" in message
    assert message.endswith("allowed: stages above 2, or frozen_stages below " + ("1" if stages is None else "2"))


def test_a_level_that_the_neck_lacks() -> None:
    assert refusal({"place": "neck", "levels": [1, 5]}) == "attention se: no neck level 5; allowed: 0 to 4"


def test_a_detector_without_a_neck() -> None:
    assert "place 'neck': the detector has no neck that gives maps" in refusal(
        {"place": "neck"}, overrides={"model.neck": None}
    )


def test_a_backbone_without_residual_stages() -> None:
    vgg = {"type": "SSDVGG", "depth": 16, "input_size": 300}
    message = refusal({"place": "before_add"}, overrides={"model.backbone": vgg})
    assert "residual" in message


def test_options_that_do_not_fit_the_width() -> None:
    assert "groups" in refusal({"name": "shuffle", "options": {"groups": 64}})
