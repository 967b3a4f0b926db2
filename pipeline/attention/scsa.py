"""SCSA: Spatial and Channel Synergistic Attention, Si et al., 2024. https://arxiv.org/abs/2407.05128, section 3.

Spatial: the means along rows and along columns, their channels in four quarters with depthwise 1d convolutions of 3, 5,
7 and 9 (the same for both axes), group norm of four groups (one for each axis), sigmoid: z = x * rows * columns.
Channel: z pooled in windows and normed, times one number a channel each for query, key and value; self-attention of
the channels among themselves over the windows; y = z * sigmoid(mean over windows).

Differences: the code has one head in all its configurations, as the paper's abstract says; a copy's example has eight.
Its class has no default. A `recombination` mode and three further arguments do nothing or fail.

Cost: the mean over windows goes through the attention, so one vector a head is weighted in place of all windows.
A map below the window on a side is refused.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import split, whole
from pipeline.attention._ops import as_map, at_least_float32, mean, without_autocast
from pipeline.common.errors import UserError

KERNELS = (3, 5, 7, 9)


class SCSA(Attention):
    """Spatial, then channel attention. 16 C parameters, for any number of heads."""

    def __init__(self, channels: int, *, heads: int = 1, window: int = 7) -> None:
        super().__init__()
        quarter = split(channels, len(KERNELS), "scsa, for its four kernels,")
        split(channels, whole("heads", heads), f"option `heads` {heads}")
        self.heads, self.window = heads, whole("window", window)
        self.convs = nn.ModuleList(
            nn.Conv1d(quarter, quarter, size, padding=size // 2, groups=quarter) for size in KERNELS
        )
        self.norm_rows = nn.GroupNorm(len(KERNELS), channels)
        self.norm_columns = nn.GroupNorm(len(KERNELS), channels)
        self.norm = nn.GroupNorm(1, channels)
        self.query, self.key, self.value = (
            nn.Conv2d(channels, channels, 1, groups=channels, bias=False) for _ in range(3)
        )

    def check_map(self, height: int, width: int) -> None:
        if min(height, width) < self.window:
            raise UserError(
                f"attention `scsa`: a map of {height} x {width} is below option `window` {self.window}; allowed: a "
                "smaller window, earlier stages, or larger images"
            )

    def forward(self, x: Tensor) -> Tensor:
        self.check_map(*x.shape[2:])
        rows = self._gate(mean(x, 3).squeeze(3), self.norm_rows)
        columns = self._gate(mean(x, 2).squeeze(2), self.norm_columns)
        z = x * rows.unsqueeze(3).to(x.dtype) * columns.unsqueeze(2).to(x.dtype)
        return z * as_map(self._channel_gate(z)).to(x.dtype)

    def _gate(self, line: Tensor, norm: nn.Module) -> Tensor:
        """(N, C, length) -> (N, C, length). The four convolutions run as one, each kernel widened by zeros."""
        convs = [conv for conv in self.convs if isinstance(conv, nn.Conv1d)]
        kernel = torch.cat([_widened(conv.weight) for conv in convs])
        bias = torch.cat([conv.bias for conv in convs if conv.bias is not None])
        convolved = F.conv1d(line.to(kernel.dtype), kernel, bias, padding=max(KERNELS) // 2, groups=line.shape[1])
        gate: Tensor = norm(convolved).sigmoid()
        return gate

    def _channel_gate(self, z: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C), in float32 at least."""
        with without_autocast(z):
            windows = self.norm(F.avg_pool2d(z, self.window).to(self.norm.weight.dtype))
            query, key, value = (
                at_least_float32(maps).flatten(2).unflatten(1, (self.heads, -1))
                for maps in (self.query(windows), self.key(windows), mean(self.value(windows), 2, 3))
            )  # (N, heads, C / heads, windows); of the values their mean over the windows
            seen = F.scaled_dot_product_attention(query, key, value, scale=(z.shape[1] // self.heads) ** -0.5)
            return seen.flatten(1).sigmoid()


def _widened(kernel: Tensor) -> Tensor:
    """(c, 1, k) -> (c, 1, 9) with zeros on both sides; `F.pad` would hide the size from the ONNX exporter."""
    zeros = kernel.new_zeros(kernel.shape[0], 1, (max(KERNELS) - kernel.shape[2]) // 2)
    return torch.cat((zeros, kernel, zeros), 2)
