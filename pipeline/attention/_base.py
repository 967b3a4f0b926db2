"""What all attention modules share: a start that can be restored, and one that leaves the input as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

Forms = dict[str, dict[str, Any]]


class Recipe(NamedTuple):
    """What `build` was asked for."""

    name: str
    channels: int
    init: str
    options: Mapping[str, Any]


class Attention(nn.Module):
    """A module that reweights a feature map: (N, C, H, W) -> (N, C, H, W), type and memory layout kept.

    A subclass takes `channels` first and its options by keyword, with the defaults of its main form, which is the
    paper's unless the default of an option `form` names another. `forms` maps each further published form to the
    options in which it differs; `build` completes them. A subclass that computes otherwise in another form takes
    `form` itself.
    """

    forms: ClassVar[Forms] = {}
    identity_scale: nn.Parameter | None
    recipe: Recipe | None = None

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("identity_scale", None)

    def init_weights(self) -> None:
        """Restore the initial state completely; may run any number of times.

        MMEngine calls it after the parent's own initialisation, which overwrites convolutions and norms, and `build`
        after construction. Here each layer gets torch's default; a module that starts otherwise extends this, and
        calls it at the end of its `__init__`. Plain `nn.Parameter`s keep what they hold unless the module resets them.
        """
        for layer in self.modules():
            reset = getattr(layer, "reset_parameters", None)
            if layer is not self and callable(reset):
                reset()
        if self.identity_scale is not None:
            nn.init.zeros_(self.identity_scale)

    def check_map(self, height: int, width: int) -> None:
        """Raises UserError for a map that is too small for the module."""

    def pixel_pairs(self, height: int, width: int) -> int:
        """How many pairs of pixels are compared for one image of this size; of the order (H W)^2 where any are.

        Times 4 bytes, the memory of a matrix between all pixels where the device has no fused attention.
        """
        return 0

    def start_as_identity(self) -> None:
        """From now on y = x + scale * (f(x) - x), with a learnable scale that starts at 0: y = x at step 0."""
        self.identity_scale = nn.Parameter(torch.zeros(()))
        self.register_forward_hook(_towards_output)


def _towards_output(module: Attention, inputs: tuple[Tensor], y: Tensor) -> Tensor:
    """A forward hook of its own function, not a closure: copies of a module then use their own scale."""
    (x,) = inputs
    assert module.identity_scale is not None
    return torch.lerp(x, y.to(x.dtype), module.identity_scale.to(x.dtype))
