"""SSD predicts, which it does not as MMDetection ships it."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope

from pipeline.detector import registered  # noqa: F401
from pipeline.detector.config import base


@torch.no_grad()
def test_ssd_predicts() -> None:
    init_default_scope("mmdet")
    config: Any = base.load("ssd/ssd300_coco").model
    config.backbone.init_cfg = None
    model = MODELS.build(config).eval()
    shape = {"img_shape": (300, 300), "ori_shape": (300, 300), "scale_factor": (1.0, 1.0), "pad_shape": (300, 300)}
    (found,) = model.predict(
        torch.zeros(1, 3, 300, 300), [DetDataSample(metainfo={**shape, "batch_input_shape": (300, 300)})]
    )
    assert found.pred_instances.bboxes.shape[1] == 4
