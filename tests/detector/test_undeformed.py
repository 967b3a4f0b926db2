"""Maps of deformable convolutions without values are those that MMCV's operators give on a CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmcv.cnn import build_conv_layer
from torch import nn

from pipeline.detector.places.undeformed import undeform

SETTINGS: list[dict[str, Any]] = [
    dict(kernel_size=3, padding=1),
    dict(kernel_size=3, stride=2, padding=2, dilation=2, deform_groups=2),
    dict(kernel_size=5, stride=(2, 1), groups=2),
]


def convolution(kind: str, settings: dict[str, Any]) -> nn.Module:
    layer: nn.Module = build_conv_layer(dict(type=kind), 4, 8, bias=False, **settings)
    return layer


@torch.no_grad()
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", ["DCN", "DCNv2"])
def test_shapes(kind: str, settings: dict[str, Any]) -> None:
    real = convolution(kind, settings)(torch.rand(1, 4, 19, 24))
    with torch.device("meta"):
        plain = convolution(kind, settings)
        undeform(plain)
        assert plain(torch.rand(1, 4, 19, 24)).shape == real.shape


@torch.no_grad()
def test_the_offsets_are_a_place_too() -> None:
    with torch.device("meta"):
        plain = convolution("DCNv2", SETTINGS[0])
        undeform(plain)
        seen = []
        plain.get_submodule("conv_offset").register_forward_hook(lambda *given: seen.append(given[2].shape))
        plain(torch.rand(1, 4, 19, 24))
    assert seen == [(1, 27, 19, 24)]
