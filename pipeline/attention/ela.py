"""ELA: Efficient Local Attention, Xu and Wan, 2024. https://arxiv.org/abs/2403.01123.

The means along rows and along columns each go through one and the same 1d convolution over their length, group norm
and sigmoid: y(i, j) = x(i, j) * row gate(i) * column gate(j), for each channel.

Differences: no code of the authors was found. The four variants (kernel, groups of the convolution, groups of the
norm) are those of public copies: T 5, C, 32; B 7, C, 16; S 5, C / 8, 16; L 7, C / 8, 16. Some copies have a dense 1x1
convolution with bias; timm's has separate layers for each axis, one group in the norm and a SiLU before the sigmoid.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import one_of, split
from pipeline.attention._ops import mean

VARIANTS = {"T": (5, 1, 32), "B": (7, 1, 16), "S": (5, 8, 16), "L": (7, 8, 16)}  # kernel, channels a group, norm groups


class ELA(Attention):
    """Attention along height and width. T 7 C, B 9 C, S 42 C, L 58 C parameters."""

    def __init__(self, channels: int, *, variant: Literal["T", "B", "S", "L"] = "B") -> None:
        super().__init__()
        kernel_size, width, groups = VARIANTS[one_of("variant", variant, tuple(VARIANTS))]
        split(channels, groups, f"option `variant` {variant}")
        self.conv = nn.Conv1d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels // width, bias=False
        )
        self.norm = nn.GroupNorm(groups, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self._gate(mean(x, 3).squeeze(3)), self._gate(mean(x, 2).squeeze(2))
        return x * columns.unsqueeze(2).to(x.dtype) * rows.unsqueeze(3).to(x.dtype)

    def _gate(self, line: Tensor) -> Tensor:
        """(N, C, length) -> (N, C, length)."""
        gate: Tensor = self.norm(self.conv(line.to(self.conv.weight.dtype))).sigmoid()
        return gate
