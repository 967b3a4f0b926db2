"""Polarized Self-Attention, Liu et al., 2021. https://arxiv.org/abs/2107.00782, equations 1 to 4.

Channel gate: sigmoid(LN(Wz(Wv x . softmax over pixels of Wq x))), one number a channel. Spatial gate: sigmoid(softmax
over C/2 of the mean of Wq' x, times Wv' x), one number a pixel. `parallel`: y = x * channel + x * spatial.
`sequential`: the spatial gate is taken from and applied to x * channel.

Differences: the authors' code (form `official`) has no bias and no LayerNorm in `parallel`, and takes the spatial
softmax over the pixels of the product; its `sequential` has a bottleneck for Wz and the softmax over the pixels of
Wv' x. The article's form is the paper's.

Cost: the softmax sums to one and means are linear, so W(x) . weights = W(x . weights): the wide 1x1 convolutions work
on one vector an image, not on the map. This is exact, and saves all C/2 x H x W maps but the one of `official`
`sequential`, whose softmax stands between.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import one_of
from pipeline.attention._ops import as_map, at_least_float32, context, dot, pooled, without_autocast
from pipeline.common.errors import UserError


class PolarizedSelfAttention(Attention):
    """Channel and spatial attention that keep C/2 channels and all pixels."""

    forms: ClassVar[Forms] = {"official": {}, "article": {}}

    def __init__(
        self,
        channels: int,
        *,
        form: Literal["paper", "official", "article"] = "paper",
        mode: Literal["parallel", "sequential"] = "parallel",
    ) -> None:
        super().__init__()
        self.official = form == "official"
        self.sequential = one_of("mode", mode, ("parallel", "sequential")) == "sequential"
        divisor = 8 if self.official and self.sequential else 2
        if channels % divisor:
            raise UserError(f"{channels} channels; form {form}, mode {mode} needs a multiple of {divisor}")
        half, bias = channels // 2, not self.official
        self.channel_query = nn.Linear(channels, 1, bias=bias)
        self.channel_value = nn.Linear(channels, half, bias=bias)
        self.channel_up = self._up(channels)
        self.spatial_query = nn.Linear(channels, half, bias=bias)
        self.spatial_value = nn.Linear(channels, half, bias=bias)
        self.init_weights()

    def _up(self, channels: int) -> nn.Sequential:
        """Wz: (N, C/2) -> (N, C)."""
        half, eighth = channels // 2, channels // 8
        if not self.official:
            return nn.Sequential(nn.Linear(half, channels), nn.LayerNorm(channels))
        if not self.sequential:
            return nn.Sequential(nn.Linear(half, channels, bias=False))
        return nn.Sequential(
            nn.Linear(half, eighth), nn.LayerNorm(eighth), nn.ReLU(inplace=True), nn.Linear(eighth, channels)
        )

    def init_weights(self) -> None:
        super().init_weights()
        if self.official:
            for layer in (self.channel_query, self.channel_value, self.spatial_query, self.spatial_value):
                nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        channel = self._channel_gate(x).to(x.dtype)
        if self.sequential:
            x = x * channel
            return x * self._spatial_gate(x).to(x.dtype)
        return x * (channel + self._spatial_gate(x).to(x.dtype))

    def _channel_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        with without_autocast(x):
            value = self.channel_value(context(x, self.channel_query).to(self.channel_value.weight.dtype))
            return as_map(self.channel_up(value).sigmoid())

    def _spatial_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W)."""
        n, _, h, w = x.shape
        value = self.spatial_value
        with without_autocast(x):
            query = self.spatial_query(pooled(x, value))
            if self.official and self.sequential:
                pixels = at_least_float32(x).flatten(2).transpose(1, 2)
                values = F.linear(pixels, at_least_float32(value.weight)).transpose(1, 2).softmax(2)
                return torch.bmm(at_least_float32(query).unsqueeze(1), values).view(n, 1, h, w).sigmoid()
            if not self.official:
                query = query.softmax(1)
            key = (query @ value.weight).unsqueeze(1)
            shift = None if value.bias is None else query @ value.bias
            score = dot(key, at_least_float32(x).flatten(2), shift)
            if self.official:
                score = score.softmax(2)
            return score.view(n, 1, h, w).sigmoid()
