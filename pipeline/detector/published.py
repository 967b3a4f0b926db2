"""Pretrained weights by the names of their publication, and backbones whose own way of loading is passed by.

Swin and PVT were published with other names than MMDetection's, which converts them as it loads, by rules that spoil
what is converted already. Here they are converted once, when plans are made, and then load as all others do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from mmdet.models.backbones.pvt import PyramidVisionTransformer, PyramidVisionTransformerV2, pvt_convert
from mmdet.models.backbones.swin import SwinTransformer, swin_converter
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope
from torch import Tensor

from pipeline.detector.weights import Pretrained

Convert = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
PUBLISHED: Mapping[type, tuple[str, Convert]] = {  # what a key of the publication begins with
    SwinTransformer: ("layers.", swin_converter),
    PyramidVisionTransformer: ("patch_embed1.", pvt_convert),
}
# Parts that MMDetection adds to a published backbone. Their start is constant: norms are 1 and 0, offsets 0.
ADDED = re.compile(r"(^norm\d\.|\.conv_offset\.)(weight|bias)$")
LEFT_OUT = re.compile(r"(^norm\.|\.attn_mask$)")  # a classifier's norm; masks that follow from the image's size
KEPT = "Kept"  # begins the names of the backbones below

for own in (SwinTransformer, PyramidVisionTransformer, PyramidVisionTransformerV2):
    MODELS.register_module(
        name=f"{KEPT}{own.__name__}", module=type(own.__name__, (own,), {"init_weights": BaseModule.init_weights})
    )


def load_as_others_do(cfg: Any) -> None:
    """Let the backbone of a resolved config load its weights by its own keys, whatever MMDetection does with them."""
    name = f"{KEPT}{cfg.model.backbone.type}"
    if name in MODELS.module_dict:
        cfg.model.backbone.type = name
        cfg.custom_imports.imports.append(__name__)


def fitted(weights: Pretrained, config: Mapping[str, Any]) -> Pretrained:
    """`weights` by the keys of the backbone of a resolved config, with the start of what MMDetection adds to it."""
    init_default_scope("mmdet")
    backbone = MODELS.build(ConfigDict(config["model"]["backbone"]))
    state = _converted(backbone, weights.state)
    wanted = backbone.state_dict()
    state = {key: value for key, value in state.items() if key in wanted or not LEFT_OUT.search(key)}
    added = {key: value for key, value in wanted.items() if key not in state and ADDED.search(key)}
    return weights if {**state, **added}.keys() == weights.state.keys() else _with(weights, {**state, **added})


def _converted(backbone: Any, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for kind, (mark, convert) in PUBLISHED.items():
        if isinstance(backbone, kind) and any(key.startswith(mark) for key in state):
            return {key.removeprefix("backbone."): value for key, value in convert(state).items()}
    return state


def _with(weights: Pretrained, state: Mapping[str, Tensor]) -> Pretrained:
    return dataclasses.replace(weights, state={key: value.contiguous() for key, value in state.items()})
