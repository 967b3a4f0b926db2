"""DANet: Dual Attention Network, Fu et al., 2019. https://arxiv.org/abs/1809.02983, equations 1 to 4.

Pixels: queries and keys of C / 8 channels, a = softmax over j of q_i . k_j (no scale), P = x + gamma_p * sum over j of
a(i, j) v_j. Channels: E = X X^T over all pixels, A = softmax over j of -E, Q = x + gamma_c * A X. y = P + Q.

Differences: the paper's equation 3 has softmax(+E) (form `paper`), the authors' code softmax(max - E), which is
softmax(-E) (form `official`, the default): the plain one is "not good", its author says. Some copies have queries
and keys of all channels, others 3x3 convolutions and one fixed map size.

Both sums hold the input, so y starts as 2 x (both gammas are 0). The keys' bias has no effect, a softmax ignores it.
The authors use it in a segmentation head; it has no published place in a detector.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._ops import at_least_float32, without_autocast
from pipeline.attention._pixels import as_maps, attend, linear, tokens
from pipeline.common.errors import UserError


class DualAttention(Attention):
    """Self-attention between pixels and between channels, side by side. 1.25 C^2 + 1.25 C + 2 parameters."""

    forms: ClassVar[Forms] = {"paper": {}}

    def __init__(self, channels: int, *, form: Literal["official", "paper"] = "official") -> None:
        super().__init__()
        if channels < 8:
            raise UserError(f"{channels} channels; danet's queries have an eighth of them: allowed: at least 8")
        self.sign = 1 if form == "paper" else -1
        self.query = nn.Linear(channels, channels // 8)
        self.key = nn.Linear(channels, channels // 8)
        self.value = nn.Linear(channels, channels)
        self.pixel_scale = nn.Parameter(torch.empty(1))
        self.channel_scale = nn.Parameter(torch.empty(1))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.zeros_(self.pixel_scale)
        nn.init.zeros_(self.channel_scale)

    def pixel_pairs(self, height: int, width: int) -> int:
        return (height * width) ** 2

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            y = self._between_pixels(x) * self.pixel_scale + self._between_channels(x) * self.channel_scale
            return 2 * x + as_maps(y, x)

    def _between_pixels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H W, C)."""
        query, key, value = linear(tokens(x), self.query, self.key, self.value)
        return attend(query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)).squeeze(1)

    def _between_channels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H W, C)."""
        channels = at_least_float32(x).flatten(2)
        weights = (self.sign * (channels @ channels.transpose(1, 2))).softmax(2)
        return channels.transpose(1, 2) @ weights.transpose(1, 2)
