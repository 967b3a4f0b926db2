"""The stages of each type of backbone, counted from 1: one entry a backbone type.

A backbone that is not in the table, or whose stages give tokens and no maps (Swin, PVT), has one stage a map
that it outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

STAGES: Mapping[str, Callable[..., Sequence[str]]] = {
    "ResNet": lambda backbone: backbone.res_layers,  # and all that derive from it
    "HRNet": lambda backbone: ["layer1", "stage2", "stage3", "stage4"],
    "CSPDarknet": lambda backbone: backbone.layers[1:],  # the stem comes first
    "CSPNeXt": lambda backbone: backbone.layers[1:],
    "Darknet": lambda backbone: backbone.cr_blocks[1:],
    "MobileNetV2": lambda backbone: [name for name in backbone.layers if name != "conv2"],
    "EfficientNet": lambda backbone: [
        f"layers.{i}" for i, layer in enumerate(backbone.layers) if isinstance(layer, nn.Sequential)
    ],
    "ConvNeXt": lambda backbone: [f"stages.{i}" for i in range(len(backbone.stages))],
    "SSDVGG": lambda backbone: [f"features.{i}" for i in backbone.out_feature_indices],
}


def stage_names(backbone: nn.Module) -> Sequence[str] | None:
    """The modules of `backbone` that are its stages, in their order; None where its outputs stand for them."""
    for kind in type(backbone).__mro__:
        if kind.__name__ in STAGES:
            return STAGES[kind.__name__](backbone)
    return None
