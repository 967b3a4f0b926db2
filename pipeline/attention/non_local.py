"""Non-local neural networks, Wang et al., 2018. https://arxiv.org/abs/1711.07971, equations 1, 3, 4 and 6.

Every pixel receives a weighted sum over all pixels, from 1x1 convolutions to h channels: y_i = x_i + Wz sum over j of
a(i, j) g(x_j). `embedded_gaussian`: a = softmax over j of theta(x_i) . phi(x_j) / sqrt(h). `dot_product`: the product
over the number of pixels.

Differences: sqrt(h) is MMCV's, whose module this is; the paper has no scale, its authors' Caffe2 code has it, and
there halves phi and g by max pooling and norms the output. Older copies multiply by sqrt(h); timm's divides by sqrt(C).

Starts as the identity (Wz is 0), so at the first step only Wz learns. Memory does not grow with (H W)^2: a fused
attention, exact, keeps no matrix between pixels, and `dot_product` is summed from the right. The work does: 1,165 GMAC
for one block of stage 1 at 800 x 1344.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import one_of, whole
from pipeline.attention._ops import without_autocast
from pipeline.attention._pixels import attend, linear, tokens, widen


class NonLocal(Attention):
    """Self-attention between pixels. 4 C h + 3 h + C parameters, h = max(1, C // reduction)."""

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 2,
        mode: Literal["embedded_gaussian", "dot_product"] = "embedded_gaussian",
    ) -> None:
        super().__init__()
        self.softmax = one_of("mode", mode, ("embedded_gaussian", "dot_product")) == "embedded_gaussian"
        hidden = max(1, channels // whole("reduction", reduction))
        self.value = nn.Linear(channels, hidden)
        self.out = nn.Linear(hidden, channels)
        self.query = nn.Linear(channels, hidden)
        self.key = nn.Linear(channels, hidden)
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        for layer in (self.value, self.query, self.key):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def start_as_identity(self) -> None:
        """It does already; a scale of 0 on top of a layer of 0 would leave both without slope."""

    def pixel_pairs(self, height: int, width: int) -> int:
        return (height * width) ** 2 if self.softmax else 0

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            query, key, value = linear(tokens(x), self.query, self.key, self.value)
            if self.softmax:
                query = query * self.query.out_features**-0.5
                seen = attend(query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)).squeeze(1)
            else:
                seen = query @ (key.transpose(1, 2) @ value / (x.shape[2] * x.shape[3]))
            return x + widen(seen, self.out, x)
