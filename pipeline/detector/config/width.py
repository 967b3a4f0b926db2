"""`width: thin`: a quarter of the channels and few proposals, so that a two-stage detector trains on a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.common.errors import UserError
from pipeline.detector.config.model import nodes

NARROW = {256: 64, 1024: 256}  # pyramid and head widths of a thin detector, as a quarter
WIDTH_KEYS = ("in_channels", "out_channels", "feat_channels", "fc_out_channels", "conv_out_channels")
BACKBONES = ("ResNet", "ResNeXt", "Res2Net")  # whose widths follow from `base_channels`
NECKS = ("FPN", "PAFPN")
OWN_WAYS = {
    "CSPNeXt": "a smaller config (rtmdet_tiny), or overrides of widen_factor and the channels behind it",
    "CSPDarknet": "a smaller config (yolox_tiny), or overrides of widen_factor and the channels behind it",
    "MobileNetV2": "overrides of widen_factor and the channels behind it",
}
FEWER = {"nms_pre": 400, "max_per_img": 200}  # a thin detector's proposals


def make_thin(model: Any, name: str) -> None:
    """Quarter the widths of `model`, whose config is `name`. Raises UserError for a detector that has no thin form."""
    backbone, neck = model.backbone, model.get("neck")
    plain = isinstance(neck, Mapping) and neck.get("type") in NECKS
    if backbone.type not in BACKBONES or not plain or "encoder" in model or "decoder" in model:
        other = OWN_WAYS.get(backbone.type)
        raise UserError(
            f"detector.width: thin needs a backbone of {', '.join(BACKBONES)} with one neck of {', '.join(NECKS)} and "
            f"no transformer; {name} has {backbone.type}; allowed: full" + (f", with {other}" if other else "")
        )
    backbone.base_channels = 16
    neck.in_channels = [channels // 4 for channels in neck.in_channels]
    for part in ("neck", "rpn_head", "roi_head", "bbox_head"):
        if part in model:
            _narrow(model[part])
    _fewer_proposals(model)


def _narrow(part: Any) -> None:
    """Quarter the widths in a part of the model, wherever they are written."""
    for node in nodes(part):
        for key, value in list(node.items()):
            if key in WIDTH_KEYS and isinstance(value, int):
                node[key] = NARROW.get(value, value)
        if node.get("type") == "AnchorGenerator" and node.get("scales") == [8]:
            node["scales"] = [4]  # a thin detector is for small images


def _fewer_proposals(model: Any) -> None:
    train, test = model.get("train_cfg") or {}, model.get("test_cfg") or {}
    for config in (train.get("rpn_proposal"), test.get("rpn")):
        if config:
            config.update(FEWER)
    rcnn = train.get("rcnn")
    for stage in rcnn if isinstance(rcnn, list) else [rcnn]:
        if stage and "sampler" in stage:
            stage.sampler.num = 64
