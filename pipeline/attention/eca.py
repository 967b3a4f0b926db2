"""ECA-Net: Efficient Channel Attention, Wang et al., 2020. https://arxiv.org/abs/1910.03151, equations 9 and 12.

y = x * sigmoid(conv1d_k(mean of each channel)): each channel's gate sees its k neighbours, with zeros at the ends.
k grows with the channels: |log2(C) / gamma + beta / gamma|, taken to the next odd number.

Differences: the authors' code has k = 3 for every C and gives k by stage on the command line; the rule stands only
in the paper. The article has k = 3 and a bias.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import odd, one_of
from pipeline.attention._ops import pooled
from pipeline.common.errors import UserError


class ECA(Attention):
    """Channel attention of k parameters; k = `kernel_size`, or by the adaptive rule where that is None."""

    forms: ClassVar[Forms] = {"article": {"kernel_size": 3, "bias": True}}

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int | None = None,
        gamma: float = 2,
        beta: float = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        size = adaptive_kernel_size(channels, gamma, beta) if kernel_size is None else odd("kernel_size", kernel_size)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=one_of("bias", bias, (True, False)))

    def forward(self, x: Tensor) -> Tensor:
        row = pooled(x, self.conv).unsqueeze(2).transpose(1, 2)  # (N, 1, C); as a view, conv1d takes it faster
        gate = self.conv(row).transpose(1, 2).sigmoid()
        return x * gate.unsqueeze(3).to(x.dtype)


def adaptive_kernel_size(channels: int, gamma: Any, beta: Any) -> int:
    """Equation 12; an even number rounds up to the next odd one."""
    for option, value, least in (("gamma", gamma, "above 0"), ("beta", beta, "of at least 0")):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or value < 0 or (option == "gamma" and value == 0):
            raise UserError(f"option `{option}` is {value!r}; allowed: a number {least}")
    size = int(abs((math.log2(channels) + beta) / gamma))
    return size if size % 2 else size + 1
