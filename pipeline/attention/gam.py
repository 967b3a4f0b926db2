"""GAM: Global Attention Mechanism, Liu et al., 2021. https://arxiv.org/abs/2112.05561, equations 1 and 2.

First an MLP over the channels of every pixel: x1 = x * W2 relu(W1 x), without a sigmoid. Then two 7x7 convolutions,
C -> C / rate -> C with batch norm: y = x1 * sigmoid(BN(conv(relu(BN(conv(x1)))))).

Differences: no code of the authors was found; this is the article's. With `groups` above 1 both convolutions are
grouped and the channels of the gate are shuffled, which the paper describes for ResNet-50. One group costs 25 C^2
parameters, 105 million at C = 2048.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import groups_of, whole
from pipeline.attention._ops import BatchNorm, channel_shuffle, memory_format, pixelwise


class GAM(Attention):
    """Channel, then spatial attention without any pooling."""

    forms: ClassVar[Forms] = {"article": {}}

    def __init__(self, channels: int, *, rate: int = 4, groups: int = 1) -> None:
        super().__init__()
        hidden = max(1, channels // whole("rate", rate))
        self.groups = groups_of(hidden, groups_of(channels, groups))
        self.channel = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, hidden, 7, padding=3, groups=groups),
            BatchNorm(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 7, padding=3, groups=groups),
            BatchNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        narrow, _, widen = self.channel
        x = x * pixelwise(pixelwise(x, narrow).relu_(), widen).to(x.dtype)
        gate = self.spatial(x).sigmoid()
        return x * (channel_shuffle(gate, self.groups, memory_format(x)) if self.groups > 1 else gate).to(x.dtype)
