"""CBAM: Convolutional Block Attention Module, Woo et al., 2018. https://arxiv.org/abs/1807.06521, equations 1 to 3.

First the channels: x1 = x * sigmoid(MLP(mean of each channel) + MLP(max of each channel)), one MLP for both. Then
the pixels: y = x1 * sigmoid(f([max over channels, mean over channels])), f a 7x7 convolution.

Differences: the authors' code follows f by a batch norm (not in the equation) whose scale starts at 0, so that the
spatial gate starts at one half; that is the form `paper` here. The article has no MLP bias and no batch norm, a bias
in f, a 49x49 kernel, and adds the input: y + x.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import odd, whole
from pipeline.attention._ops import BatchNorm, as_map, max_and_mean, pooled


class CBAM(Attention):
    """Channel, then spatial attention. 2 C h + h + C + 2 k^2 + 2 parameters, h = max(1, C // reduction)."""

    forms: ClassVar[Forms] = {"article": {"kernel_size": 49}}

    def __init__(
        self,
        channels: int,
        *,
        form: Literal["paper", "article"] = "paper",
        reduction: int = 16,
        kernel_size: int = 7,
    ) -> None:
        super().__init__()
        self.article = form == "article"
        hidden = max(1, channels // whole("reduction", reduction))
        padding = odd("kernel_size", kernel_size) // 2
        self.squeeze = nn.Linear(channels, hidden, bias=not self.article)
        self.excite = nn.Linear(hidden, channels, bias=not self.article)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=padding, bias=self.article)
        self.norm = nn.Identity() if self.article else BatchNorm(1, momentum=0.01)
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        if not self.article:
            nn.init.zeros_(self.squeeze.bias)
            nn.init.zeros_(self.excite.bias)
            nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")
            nn.init.zeros_(self.norm.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x1 = x * self._channel_gate(x)
        y = x1 * self._spatial_gate(x1)
        return y + x if self.article else y

    def _channel_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        statistics = torch.stack(
            (pooled(x, self.squeeze), F.adaptive_max_pool2d(x, 1).flatten(1).to(self.squeeze.weight.dtype))
        )
        hidden = F.relu(self.squeeze(statistics))
        return as_map(self.excite(hidden).sum(0).sigmoid()).to(x.dtype)

    def _spatial_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W)."""
        statistics = max_and_mean(x, 1).to(self.conv.weight.dtype)
        return self.norm(self.conv(statistics)).sigmoid().to(x.dtype)
