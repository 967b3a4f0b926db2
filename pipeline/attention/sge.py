"""SGE: Spatial Group-wise Enhance, Li et al., 2019. https://arxiv.org/abs/1905.09646, equations 1 to 5.

In each group of channels, a pixel's score is the dot product of its channels with the group's mean vector. The
scores are normalised over the map, t = (score - mean) / (std + 1e-5), and y = x * sigmoid(w t + b), w and b by group.

Differences: the authors' code starts b at 1 (and w at 0), the article at 0; the article's example has 8 groups, the
authors 64. The deviation is the unbiased one, as in both codes; a map of a single pixel has none, and its t is 0.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import groups_of
from pipeline.attention._ops import at_least_float32, mean, without_autocast


class SGE(Attention):
    """Spatial attention by group of channels, of 2 G parameters."""

    forms: ClassVar[Forms] = {"article": {"groups": 8}}
    eps = 1e-5

    def __init__(self, channels: int, *, form: Literal["paper", "article"] = "paper", groups: int = 64) -> None:
        super().__init__()
        self.groups = groups_of(channels, groups)
        self.bias_start = 0.0 if form == "article" else 1.0
        self.weight = nn.Parameter(torch.empty(groups, 1))
        self.bias = nn.Parameter(torch.empty(groups, 1))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.zeros_(self.weight)
        nn.init.constant_(self.bias, self.bias_start)

    def forward(self, x: Tensor) -> Tensor:
        gate = self._gate(x).to(x.dtype)
        return (x.unflatten(1, (self.groups, -1)) * gate).flatten(1, 2)

    def _gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, G, 1, H, W), in float32 at least: scores are sums of squares."""
        n, _, h, w = x.shape
        with without_autocast(x):
            x_g = at_least_float32(x).reshape(n * self.groups, -1, h * w)
            score = torch.bmm(mean(x_g, 2).transpose(1, 2), x_g).view(n, self.groups, h * w)
        score = score - mean(score, 2)
        std = torch.linalg.vector_norm(score, dim=2, keepdim=True) * max(h * w - 1, 1) ** -0.5
        gate = torch.addcmul(self.bias, score, self.weight / (std + self.eps)).sigmoid_()
        return gate.view(n, self.groups, 1, h, w)
