"""NAM: Normalization-based Attention Module, Liu et al., 2021. https://arxiv.org/abs/2111.12419, equations 1 and 2.

y = x * sigmoid(share * BN(x)), a batch norm of its own whose scales say how much each channel varies: the share of a
channel is its |scale| over the sum of all.

Differences: the authors' code has the channel half only, and takes the share without a gradient (`.data`); so does
this. Their spatial half needs a fixed map size, and popular copies invent their own.

At the start every share is 1 / C, so the gate is flat: about one half. It stays so until the scales are very uneven
(the authors add an L1 penalty on them).
"""

from __future__ import annotations

from torch import Tensor

from pipeline.attention._base import Attention
from pipeline.attention._ops import BatchNorm


class NAM(Attention):
    """A gate for each pixel of each channel from a batch norm. 2 C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.norm.weight.detach().abs()
        return x * self.norm(x, scale / scale.sum()).sigmoid().to(x.dtype)
