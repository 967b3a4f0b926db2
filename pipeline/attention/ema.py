"""EMA: Efficient Multi-Scale Attention, Ouyang et al., 2023. https://arxiv.org/abs/2305.13563, section 3.

The channels form `factor` groups of c neighbours; each group g gets one gate a pixel. Two branches: the means along
rows and columns through one shared 1x1 convolution gate g, normed by channel (x1); a 3x3 convolution of g itself (x2).
Each branch's channel means, through a softmax over the c channels, weight the channels of the other branch; the sum of
both is one map m, and y = g * sigmoid(m).

Differences: none between paper and code. The second positional argument of the code is ignored, popular copies have
factor 8 for 32.

Cost, exactly: the mean of a normed channel is the norm's bias, so x1's weights are softmax(bias), the same for every
image; the weighted sum of x2's channels is then a convolution to one channel, and x2's means follow from sums over
the map less an edge. The map x2 is never made.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import split, whole
from pipeline.attention._ops import at_least_float32, pixelwise, without_autocast


class EMA(Attention):
    """One spatial gate a group of channels. 10 c^2 + 4 c parameters, c = C / factor."""

    def __init__(self, channels: int, *, factor: int = 32) -> None:
        super().__init__()
        width = split(channels, whole("factor", factor), "option `factor`")
        self.factor = factor
        self.norm = nn.GroupNorm(width, width)
        self.lines = nn.Conv2d(width, width, 1)
        self.local = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        groups = x.reshape(n * self.factor, -1, h, w)
        crossed = self._local_by_lines(groups) + self._lines_by_local(groups)
        gate = crossed.sigmoid().view(n, self.factor, 1, h, w)
        return (x.unflatten(1, (self.factor, -1)) * gate.to(x.dtype)).flatten(1, 2)

    def _local_by_lines(self, groups: Tensor) -> Tensor:
        """x2's channels weighted by x1's means: (N G, c, H, W) -> (N G, 1, H, W)."""
        weights = self.norm.bias.softmax(0)
        kernel = (weights @ self.local.weight.flatten(1)).view(1, -1, 3, 3)
        assert self.local.bias is not None
        return F.conv2d(groups, kernel, (weights @ self.local.bias).view(1), padding=1)

    def _lines_by_local(self, groups: Tensor) -> Tensor:
        """x1's channels weighted by x2's means: (N G, c, H, W) -> (N G, 1, H, W)."""
        n, _, h, w = groups.shape
        values = at_least_float32(groups)
        by_column = values.sum(2, keepdim=True)
        means = torch.cat((values.sum(3, keepdim=True) / w, by_column.transpose(2, 3) / h), 2)
        gates = pixelwise(means.to(self.lines.weight.dtype), self.lines).sigmoid().to(groups.dtype)
        rows, columns = gates.split((h, w), 2)
        x1 = self.norm(groups * rows * columns.transpose(2, 3))
        with without_autocast(groups):
            sums = _window_sums(values, by_column).flatten(1) / (h * w)
            weights = F.linear(sums.to(self.local.weight.dtype), self.local.weight.flatten(1), self.local.bias)
            weights = at_least_float32(weights).softmax(1).unsqueeze(1)
            return torch.bmm(weights, at_least_float32(x1).flatten(2)).view(n, 1, h, w)


def _window_sums(x: Tensor, by_column: Tensor) -> Tensor:
    """(N, c, H, W) -> (N, c, 3, 3): what each weight of a zero-padded 3x3 convolution meets, summed over the map.

    `by_column`, the sum of each column (N, c, 1, W), is known already.
    """
    columns = torch.cat((by_column - x[:, :, -1:], by_column, by_column - x[:, :, :1]), 2)
    rows = columns.sum(3, keepdim=True)
    return torch.cat((rows - columns[..., -1:], rows, rows - columns[..., :1]), 3)
