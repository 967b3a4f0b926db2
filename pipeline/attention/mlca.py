"""MLCA: Mixed local channel attention, Wan et al., 2023. https://doi.org/10.1016/j.engappai.2023.106442.

Average pooling to L x L cells. Local: a 1d convolution over all channels of the first cell, then of the second, and so
on (it crosses from one cell to the next), sigmoid. Global: one over the channels' means of all cells, sigmoid. Their
weighted sum, L x L numbers a channel, is enlarged to the map by average pooling again: y = x * that.

Differences: the first version of the code transposed the global vector, later corrected. A variant of the authors'
learns the weight of the two; it is a constant in the published module.

The pooling is torch's adaptive one, whose cells overlap where sizes do not divide: two products with matrices, which
export to ONNX and whose gradients repeat exactly on a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import whole
from pipeline.attention._ops import as_map, at_least_float32, without_autocast
from pipeline.attention.eca import adaptive_kernel_size
from pipeline.common.errors import UserError


class MLCA(Attention):
    """Channel attention by cell and for the whole map. 2 k parameters, k as ECA's for as many channels."""

    def __init__(self, channels: int, *, local_size: int = 5, local_weight: float = 0.5) -> None:
        super().__init__()
        if isinstance(local_weight, bool) or not isinstance(local_weight, int | float) or not 0 <= local_weight <= 1:
            raise UserError(f"option `local_weight` is {local_weight!r}; allowed: a number from 0 to 1")
        self.local_size, self.local_weight = whole("local_size", local_size), local_weight
        size = adaptive_kernel_size(channels, gamma=2, beta=1)
        self.across = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)
        self.within = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        cells = self.local_size
        with without_autocast(x):
            values = at_least_float32(x)
            rows, columns = pooling(h, cells, values), pooling(w, cells, values)
            local = rows @ values @ columns.T  # (N, C, L, L)
            sequence = local.flatten(2).transpose(1, 2).reshape(n, 1, -1).to(self.within.weight.dtype)
            by_cell = self.within(sequence).view(n, -1, c).transpose(1, 2).sigmoid().view(n, c, cells, cells)
            means = local.mean((2, 3)).unsqueeze(1).to(self.across.weight.dtype)
            by_map = as_map(self.across(means).squeeze(1).sigmoid())
            gate = self.local_weight * by_cell + (1 - self.local_weight) * by_map
            gate = pooling(cells, h, values) @ at_least_float32(gate) @ pooling(cells, w, values).T
        return x * gate.to(x.dtype)


def pooling(size: int, cells: int, like: Tensor) -> Tensor:
    """Adaptive average pooling of a line of `size` to `cells` as a matrix (cells, size); it enlarges as well.

    Cell i is the mean of the places from floor(i size / cells) up to, without it, ceil((i + 1) size / cells).
    """
    cell = torch.arange(cells, device=like.device).unsqueeze(1)
    place = torch.arange(size, device=like.device)
    inside = (place >= cell * size // cells) & (place * cells < (cell + 1) * size)
    share = inside.to(like.dtype)
    return share / share.sum(1, keepdim=True)
