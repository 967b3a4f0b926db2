"""BAM: Bottleneck Attention Module, Park et al., 2018. https://arxiv.org/abs/1807.06514, equations 1 to 4.

y = x * (1 + sigmoid(Mc + Ms)). Mc, one number a channel: an MLP with batch norm on the channels' means. Ms, one
number a pixel: a 1x1 convolution to h channels, dilated 3x3 convolutions, a 1x1 convolution to one channel.

Differences: the authors' code (form `official`) multiplies, sigmoid(Mc * Ms), while their ablation prefers the sum
(`paper`). Neither has the batch norms that the paper writes after the last layers. The code pools with a square
window, which is wrong on other maps; here the pooling is global. The article has three layers in each branch and
dilation 2 with padding 1, which shrinks the map and crashes; here its padding keeps the size.

At batch size 1 the norms of Mc use their running statistics, see `BatchNorm`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from pipeline.attention._base import Attention, Forms
from pipeline.attention._checks import whole
from pipeline.attention._ops import BatchNorm, as_map, pooled


class BAM(Attention):
    """Channel and spatial attention side by side; its authors put it between the stages of a backbone."""

    forms: ClassVar[Forms] = {
        "official": {},
        "article": {"dilation": 2, "channel_layers": 3, "spatial_layers": 3},
    }

    def __init__(
        self,
        channels: int,
        *,
        form: Literal["paper", "official", "article"] = "paper",
        reduction: int = 16,
        dilation: int = 4,
        channel_layers: int = 1,
        spatial_layers: int = 2,
    ) -> None:
        super().__init__()
        self.form = form
        hidden = max(1, channels // whole("reduction", reduction))
        whole("dilation", dilation)
        channel: list[nn.Module] = []
        for width in [channels] + [hidden] * (whole("channel_layers", channel_layers) - 1):
            channel += [nn.Linear(width, hidden), BatchNorm(hidden), nn.ReLU(inplace=True)]
        self.channel = nn.Sequential(*channel, nn.Linear(hidden, channels))
        spatial: list[nn.Module] = [nn.Conv2d(channels, hidden, 1), BatchNorm(hidden), nn.ReLU(inplace=True)]
        for _ in range(whole("spatial_layers", spatial_layers, least=0)):
            conv = nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation)
            spatial += [conv, BatchNorm(hidden), nn.ReLU(inplace=True)]
        self.spatial = nn.Sequential(*spatial, nn.Conv2d(hidden, 1, 1))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        if self.form == "article":
            return
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        channel = as_map(self.channel(pooled(x, self.channel[0])))
        spatial = self.spatial(x)
        logits = channel * spatial if self.form == "official" else channel + spatial
        return x * (logits.sigmoid_() + 1).to(x.dtype)
