"""SA-Net: Shuffle Attention, Zhang and Yang, 2021. https://arxiv.org/abs/2102.00240, equations 1 to 4.

The channels form G groups, each of two halves. First half: x * sigmoid(a * mean(x) + b), one gate a channel. Second
half: x * sigmoid(c * norm(x) + d), one gate a pixel, norm over each channel's pixels. Then the two halves of all
channels are interleaved (channel shuffle by 2). a, b, c, d and the norm's affine are shared by all groups.

Differences: the article has G = 8, its authors 64.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import groups_of
from pipeline.attention._ops import channel_shuffle, mean, memory_format


class ShuffleAttention(Attention):
    """Grouped channel and spatial attention of 3 C / G parameters. It permutes the channels."""

    forms: ClassVar[Forms] = {"article": {"groups": 8}}

    def __init__(self, channels: int, *, groups: int = 64) -> None:
        super().__init__()
        self.groups = groups_of(channels, groups, multiple=2)
        half = channels // (2 * groups)
        self.channel_weight = nn.Parameter(torch.empty(half, 1, 1))
        self.channel_bias = nn.Parameter(torch.empty(half, 1, 1))
        self.spatial_weight = nn.Parameter(torch.empty(half))
        self.spatial_bias = nn.Parameter(torch.empty(half))
        self.norm = nn.GroupNorm(half, half)
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        for scale in (self.channel_weight, self.spatial_weight):
            nn.init.zeros_(scale)
        for shift in (self.channel_bias, self.spatial_bias):
            nn.init.ones_(shift)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x0, x1 = x.reshape(n * self.groups, -1, h, w).chunk(2, 1)
        channel = torch.addcmul(self.channel_bias, mean(x0, 2, 3), self.channel_weight)
        weight = self.norm.weight * self.spatial_weight
        bias = torch.addcmul(self.spatial_bias, self.norm.bias, self.spatial_weight)
        spatial = F.group_norm(x1, self.norm.num_groups, weight, bias, self.norm.eps)
        y = torch.cat((x0 * channel.sigmoid().to(x.dtype), x1 * spatial.sigmoid_().to(x.dtype)), 1)
        return channel_shuffle(y.reshape(n, c, h, w), 2, memory_format(x))
