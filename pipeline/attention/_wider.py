"""What a control has where another variant has attention: parameters, and nothing that weighs one place by another."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import whole


class Wider(Attention):
    """A residual branch of two 1x1 convolutions: y = x + W2 relu(W1 x + b). (2 C + 1) hidden parameters.

    W2 starts at 0, so y = x at step 0.
    """

    def __init__(self, channels: int, *, hidden: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, whole("hidden", hidden), 1)
        self.leave = nn.Conv2d(hidden, channels, 1, bias=False)
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.leave(F.relu(self.enter(x)))
