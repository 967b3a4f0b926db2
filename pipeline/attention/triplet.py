"""Triplet attention: Rotate to Attend, Misra et al., 2021. https://arxiv.org/abs/2010.03045, section 3.

A gate along one axis takes the maximum and the mean over it, and a k x k convolution over the plane of the other two
with batch norm and a sigmoid. Three such gates, over H, over W and over C: y = x * (sum of the gates) / 3.
Without the last one (`no_spatial`), y = x * (sum) / 2.

Differences: the authors' class has k = 7 fixed, 3 is published too. Its only argument is `no_spatial`, so that
`TripletAttention(64)` silently drops a gate. A popular copy puts the mean first, adds a bias, and has a ReLU before
the sigmoid. The authors' ResNet starts the norm of the last gate at 0 and the convolutions from Kaiming's draws, their
detection code does not; here, as in the bare class, torch's defaults hold.

Two of the planes have channels along a side: the convolution there mixes channels with neighbouring numbers. Where
norms do not use batch statistics the gates at the start depend on the draw: half the input, +- .12.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import odd, one_of
from pipeline.attention._ops import BatchNorm, max_and_mean


class Gate(nn.Module):
    """(N, 2, A, B) -> (N, A, B)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = BatchNorm(1, momentum=0.01)

    def forward(self, plane: Tensor) -> Tensor:
        gate: Tensor = self.norm(self.conv(plane.to(self.conv.weight.dtype))).sigmoid()
        return gate.squeeze(1)


class TripletAttention(Attention):
    """Three gates, each over a plane of two axes. 3 (2 k^2 + 2) parameters, without the spatial gate a third less."""

    def __init__(self, channels: int, *, kernel_size: int = 7, no_spatial: bool = False) -> None:
        super().__init__()
        odd("kernel_size", kernel_size)
        self.over_height = Gate(kernel_size)
        self.over_width = Gate(kernel_size)
        self.over_channels = None if one_of("no_spatial", no_spatial, (True, False)) else Gate(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """The gates meet as one map; the input itself is never rotated."""
        gates = 2 if self.over_channels is None else 3
        by_column = self.over_height(max_and_mean(x, 2)) / gates  # (N, C, W)
        by_row = self.over_width(max_and_mean(x, 3).transpose(2, 3)) / gates  # (N, H, C)
        gate = by_column.unsqueeze(2) + by_row.transpose(1, 2).unsqueeze(3)
        if self.over_channels is not None:
            gate = gate + (self.over_channels(max_and_mean(x, 1)) / gates).unsqueeze(1)
        return x * gate.to(x.dtype)
