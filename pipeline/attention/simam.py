"""SimAM: a parameter-free attention module, Yang et al., 2021. https://proceedings.mlr.press/v139/yang21o.html

Each pixel's squared distance to its channel's mean, over the channel's variance, says how distinct it is:
d = (x - mean)^2, v = sum of d / (H W - 1), y = x * sigmoid(d / (4 (v + lambda)) + 1/2), all for one image and channel.

Differences: the class has lambda 1e-4, the authors' detection configs and ImageNet command have 0.1. A popular copy
takes lambda as its first argument, so that `SimAM(64)` runs with lambda = 64. The authors place it between the second
convolution of a block and its norm; `after_conv2` here is after norm and ReLU.

Nothing to train; the gate lies between .62 and 1, so a map is scaled by about 3/4. A map of one pixel has no variance
and is refused.
"""

from __future__ import annotations

from torch import Tensor

from pipeline.attention._base import Attention
from pipeline.attention._checks import positive
from pipeline.attention._ops import at_least_float32, mean
from pipeline.common.errors import UserError


class SimAM(Attention):
    """A gate for each pixel of each channel, of no parameters."""

    def __init__(self, channels: int, *, regularization: float = 1e-4) -> None:
        super().__init__()
        self.regularization = positive("regularization", regularization)

    def check_map(self, height: int, width: int) -> None:
        if height * width < 2:
            raise UserError("attention `simam`: a map of one pixel has no variance; allowed: H * W of at least 2")

    def forward(self, x: Tensor) -> Tensor:
        """In float32 at least: the sum of squares overflows half precision from |x| of about 10 on."""
        self.check_map(*x.shape[2:])
        values = at_least_float32(x)
        d = (values - mean(values, 2, 3)).square()
        v = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        gate = (d * (0.25 / (v + self.regularization))).add_(0.5).sigmoid_()
        return x * gate.to(x.dtype)
