"""Deformable convolutions give maps of the shape that plain ones give: all that torch's `meta` device can tell."""

from __future__ import annotations

from functools import partial
from typing import Any

from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from torch import Tensor, nn
from torch.nn.functional import conv2d


def undeform(model: nn.Module) -> None:
    """Let every deformable convolution of `model` work as a plain one; MMCV's operators have no form for `meta`."""
    for module in model.modules():
        if isinstance(module, DeformConv2d | ModulatedDeformConv2d):
            module.forward = partial(_plain, module)


def _plain(module: Any, x: Tensor, *_: Tensor) -> Tensor:
    if hasattr(module, "conv_offset"):
        module.conv_offset(x)  # an `at` may name it
    return conv2d(x, module.weight, None, module.stride, module.padding, module.dilation, module.groups)
