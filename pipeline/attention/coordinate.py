"""Coordinate Attention, Hou et al., 2021. https://arxiv.org/abs/2103.02907, equations 4 to 8.

The means along each row and each column of the map go, one after the other, through one 1x1 convolution to m
channels, batch norm and h-swish; split again, each through its own 1x1 convolution to C channels and a sigmoid.
y(i, j) = x(i, j) * row gate(i) * column gate(j), for each channel.

Differences: none in the article.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import whole
from pipeline.attention._ops import BatchNorm, mean


class CoordinateAttention(Attention):
    """Attention along height and width. 3 C m + 3 m + 2 C parameters, m = max(8, C // reduction)."""

    forms: ClassVar[Forms] = {"article": {}}

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__()
        hidden = max(8, channels // whole("reduction", reduction))
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.norm = BatchNorm(hidden)
        self.rows = nn.Conv2d(hidden, channels, 1)
        self.columns = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        means = torch.cat((mean(x, 3), mean(x, 2).transpose(2, 3)), 2)
        hidden = F.hardswish(self.norm(self.squeeze(means.to(self.squeeze.weight.dtype))))
        rows, columns = hidden.split((h, w), 2)
        row_gate = self.rows(rows).sigmoid().to(x.dtype)
        column_gate = self.columns(columns.transpose(2, 3)).sigmoid().to(x.dtype)
        return x * column_gate * row_gate
