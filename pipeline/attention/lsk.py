"""LSK: Large Selective Kernel block, Li et al., 2023. https://arxiv.org/abs/2303.09030, section 3.

a: depthwise 5x5 of x; b: depthwise 7x7 with dilation 3 of a; a 1x1 convolution halves the channels of each. The mean
and the maximum over all their channels go through a 7x7 convolution to two maps and a sigmoid, which weight a and b;
y = x * (1x1 convolution of the weighted sum back to C).

Differences: none between paper, code and copies. The start is LSKNet's (normal, by fan-out), where this block stands
between convolutions; a bare class has torch's default. The last product has neither a sigmoid nor a residual: at the
start the output is of mean zero and has nothing of the input, and grows with its square. With pretrained weights
around it, `init: identity` or a norm behind it is advisable.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import whole
from pipeline.attention._ops import mean, pixelwise


class LSK(Attention):
    """Two receptive fields, chosen at each pixel. 1.5 C^2 + 78 C + 198 parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = whole("channels", channels, least=2) // 2
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels)
        self.near_half = nn.Conv2d(channels, half, 1)
        self.far_half = nn.Conv2d(channels, half, 1)
        self.select = nn.Conv2d(2, 2, 7, padding=3)
        self.widen = nn.Conv2d(half, channels, 1)
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
                nn.init.normal_(layer.weight, std=(2 / fan_out) ** 0.5)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(x)
        far = self.far(near)
        near, far = pixelwise(near, self.near_half), pixelwise(far, self.far_half)
        means = (mean(near, 1) + mean(far, 1)) / 2
        largest = torch.maximum(near.amax(1, keepdim=True), far.amax(1, keepdim=True))
        statistics = torch.cat((means.to(largest.dtype), largest), 1)
        near_share, far_share = self.select(statistics.to(self.select.weight.dtype)).sigmoid().to(x.dtype).chunk(2, 1)
        return x * pixelwise(near * near_share + far * far_share, self.widen).to(x.dtype)
