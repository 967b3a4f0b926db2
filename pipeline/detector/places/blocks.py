"""Where the named places lie in each type of residual block: one entry a block type.

`after_conv1` and so on mean after the convolution with its norm and activation; `before_add` is the end of the
residual branch, where the shortcut is added (in the few blocks without a shortcut, the end of the block).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from pipeline.detector.placement import Side

BlockPlaces = Mapping[str, tuple[str, Side]]  # place -> the block's child, and which side of it


def _residual(block: nn.Module) -> BlockPlaces:
    """ResNet's blocks and those derived from them: conv1, norm1, relu, ..., norm of the last convolution, addition.

    Res2Net has no `conv2` to stand before, ResNeSt no norm after it: what follows a convolution tells its place.
    """
    children = dict(block.named_children())
    last = max(int(name[4:]) for name in children if name.startswith("conv") and name[4:].isdigit())
    norm = str(getattr(block, f"norm{last}_name"))
    between: dict[str, tuple[str, Side]] = {
        f"after_conv{i}": (f"conv{i + 1}", "input") for i in range(1, last) if f"conv{i + 1}" in children
    }
    return {**between, f"after_conv{last}": (norm, "output"), "before_add": (norm, "output")}


def _chain(*convolutions: str) -> Callable[[nn.Module], BlockPlaces]:
    """Blocks of MMCV's ConvModules (convolution, norm, activation) in a row, the addition after the last."""

    def places(block: nn.Module) -> BlockPlaces:
        children = dict(block.named_children())
        found: dict[str, tuple[str, Side]] = {
            f"after_conv{i}": (name, "output") for i, name in enumerate(convolutions, 1) if name in children
        }
        return {**found, "before_add": (convolutions[-1], "output")}

    return places


def _convnext(block: nn.Module) -> BlockPlaces:
    """Only the depthwise convolution and what is added are (N, C, H, W); between them channels come last."""
    return {"after_conv1": ("depthwise_conv", "output"), "before_add": ("drop_path", "output")}


BLOCKS: Mapping[str, Callable[[nn.Module], BlockPlaces]] = {
    "BasicBlock": _residual,  # ResNet, HRNet
    "Bottleneck": _residual,  # ResNet, ResNeXt, RegNet, Res2Net, ResNeSt, DetectoRS, TridentNet, HRNet
    "ResBlock": _chain("conv1", "conv2"),  # Darknet
    "DarknetBottleneck": _chain("conv1", "conv2"),  # CSPDarknet
    "CSPNeXtBlock": _chain("conv1", "conv2"),
    "EdgeResidual": _chain("conv1", "conv2"),  # EfficientNet-EdgeTPU
    "InvertedResidual": _chain("expand_conv", "depthwise_conv", "linear_conv"),  # MobileNetV2, EfficientNet
    "ConvNeXtBlock": _convnext,
}


def block_places(module: nn.Module) -> BlockPlaces | None:
    """The named places of a residual block; None for a module that is no known block."""
    for kind in type(module).__mro__:
        if kind.__name__ in BLOCKS:
            return BLOCKS[kind.__name__](module)
    return None
