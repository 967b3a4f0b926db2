"""Squeeze-and-Excitation Networks, Hu et al., 2018. https://arxiv.org/abs/1709.01507, equations 2 to 4.

The mean of each channel (squeeze) goes through two fully connected layers (excite); the sigmoid of the result
scales the channel: y = x * sigmoid(W2 relu(W1 mean(x))).

Differences: the authors' Caffe networks have a bias in both layers (`bias: true`), the paper's equation and the
article have none. The article's form is the paper's.
"""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import one_of, whole
from pipeline.attention._ops import as_map, pooled


class SE(Attention):
    """Squeeze and excitation. 2 C h parameters, h = max(1, C // reduction)."""

    forms: ClassVar[Forms] = {"article": {}}

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        one_of("bias", bias, (True, False))
        hidden = max(1, channels // whole("reduction", reduction))
        self.squeeze = nn.Linear(channels, hidden, bias=bias)
        self.excite = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.excite(F.relu(self.squeeze(pooled(x, self.squeeze)))).sigmoid()
        return x * as_map(gate).to(x.dtype)
