"""GCNet: Global Context block, Cao et al., 2019. https://arxiv.org/abs/1904.11492, figure 4d.

One softmax over all pixels, from a 1x1 convolution to one channel, averages the map to a context vector; two 1x1
convolutions, C -> h -> C with LayerNorm and ReLU between them, make one term a channel of it. `channel_add`: y = x +
term. `channel_mul`: y = x * sigmoid(term).

Differences: none between paper and authors' code. timm's `GlobalContext` multiplies by default, has ratio 1/8, eps
1e-6 and no zero start; one popular copy forgets the softmax. Also published: ratio 1/4.

Starts as the identity with `channel_add`: the last layer is 0, so at the first step only that layer learns. The mask's
bias never does, a softmax ignores it. h must be at least 2: LayerNorm makes one value a constant.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import one_of, positive
from pipeline.attention._ops import as_map, context
from pipeline.common.errors import UserError


class GlobalContext(Attention):
    """One context vector for all pixels. 2 C h + 2 C + 3 h + 1 parameters, h = int(C * ratio)."""

    def __init__(
        self,
        channels: int,
        *,
        ratio: float = 1 / 16,
        fusion: Literal["channel_add", "channel_mul"] = "channel_add",
    ) -> None:
        super().__init__()
        self.multiplies = one_of("fusion", fusion, ("channel_add", "channel_mul")) == "channel_mul"
        hidden = int(channels * positive("ratio", ratio))
        if hidden < 2:
            raise UserError(
                f"option `ratio` is {ratio:g}; {channels} channels leave {hidden} hidden ones, and at least 2 are "
                f"needed; allowed: at least {2 / channels:g}"
            )
        self.mask = nn.Linear(channels, 1)
        self.transform = nn.Sequential(
            nn.Linear(channels, hidden), nn.LayerNorm(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels)
        )
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.kaiming_normal_(self.mask.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.mask.bias)
        nn.init.zeros_(self.transform[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.transform[-1].bias)  # type: ignore[arg-type]

    def start_as_identity(self) -> None:
        """With `channel_add` it does already; a scale of 0 on top of a layer of 0 would leave both without slope."""
        if self.multiplies:
            super().start_as_identity()

    def forward(self, x: Tensor) -> Tensor:
        term = as_map(self.transform(context(x, self.mask).to(self.mask.weight.dtype)))
        return x * term.sigmoid().to(x.dtype) if self.multiplies else x + term.to(x.dtype)
