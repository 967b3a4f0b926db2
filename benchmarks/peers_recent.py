"""As peers.py, for the modules published outside the article. Parameters stand in the order of ours."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import GeneralizedAttention
from torch import Tensor, nn


class GlobalContext(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        h = c // 16
        self.mask = nn.Conv2d(c, 1, 1)
        self.softmax = nn.Softmax(dim=2)
        self.transform = nn.Sequential(
            nn.Conv2d(c, h, 1), nn.LayerNorm([h, 1, 1]), nn.ReLU(inplace=True), nn.Conv2d(h, c, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        weights = self.softmax(self.mask(x).view(n, 1, h * w)).unsqueeze(-1)
        context = torch.matmul(x.view(n, c, h * w).unsqueeze(1), weights).view(n, c, 1, 1)
        return x + self.transform(context)


class SimAM(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.activation = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.size()
        square = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
        y = square / (4 * (square.sum(dim=[2, 3], keepdim=True) / (w * h - 1) + 1e-4)) + 0.5
        return x * self.activation(y)


class TripletGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)], dim=1)
        return x * torch.sigmoid(self.bn(self.conv(pooled)))


class Triplet(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.height, self.width, self.channel = TripletGate(), TripletGate(), TripletGate()

    def forward(self, x: Tensor) -> Tensor:
        over_height = self.height(x.permute(0, 2, 1, 3).contiguous()).permute(0, 2, 1, 3).contiguous()
        over_width = self.width(x.permute(0, 3, 2, 1).contiguous()).permute(0, 3, 2, 1).contiguous()
        return (self.channel(x) + over_height + over_width) / 3


class EMA(nn.Module):
    def __init__(self, c: int, factor: int) -> None:
        super().__init__()
        self.factor, width = factor, c // factor
        self.softmax, self.pool = nn.Softmax(-1), nn.AdaptiveAvgPool2d((1, 1))
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.gn = nn.GroupNorm(width, width)
        self.conv1 = nn.Conv2d(width, width, 1)
        self.conv3 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        groups = x.reshape(n * self.factor, -1, h, w)
        lines = self.conv1(torch.cat([self.pool_h(groups), self.pool_w(groups).permute(0, 1, 3, 2)], dim=2))
        y_h, y_w = torch.split(lines, [h, w], dim=2)
        x1 = self.gn(groups * y_h.sigmoid() * y_w.permute(0, 1, 3, 2).sigmoid())
        x2 = self.conv3(groups)
        p1 = self.softmax(self.pool(x1).reshape(n * self.factor, -1, 1).permute(0, 2, 1))
        p2 = self.softmax(self.pool(x2).reshape(n * self.factor, -1, 1).permute(0, 2, 1))
        flat1, flat2 = x1.reshape(n * self.factor, -1, h * w), x2.reshape(n * self.factor, -1, h * w)
        maps = (torch.matmul(p1, flat2) + torch.matmul(p2, flat1)).reshape(n * self.factor, 1, h, w)
        return (groups * maps.sigmoid()).reshape(n, c, h, w)


class NonLocal(nn.Module):
    def __init__(self, c: int, dot_product: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.dot_product, self.fused, h = dot_product, fused, c // 2
        self.g, self.out = nn.Conv2d(c, h, 1), nn.Conv2d(h, c, 1)
        self.theta, self.phi = nn.Conv2d(c, h, 1), nn.Conv2d(c, h, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        g = self.g(x).view(n, c // 2, -1).permute(0, 2, 1)
        theta = self.theta(x).view(n, c // 2, -1).permute(0, 2, 1)
        phi = self.phi(x).view(n, c // 2, -1)
        if self.fused:
            y = F.scaled_dot_product_attention(theta.unsqueeze(1), phi.mT.unsqueeze(1), g.unsqueeze(1)).squeeze(1)
        else:
            weights = torch.matmul(theta, phi)
            weights = weights / (h * w) if self.dot_product else (weights / (c // 2) ** 0.5).softmax(dim=-1)
            y = torch.matmul(weights, g)
        return x + self.out(y.permute(0, 2, 1).contiguous().reshape(n, c // 2, h, w))


def generalized(c: int, attention_type: str) -> nn.Module:
    """The authors' own, as MMCV has it."""
    module: nn.Module = GeneralizedAttention(c, num_heads=8, attention_type=attention_type, kv_stride=2)
    return module


class DANet(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.pixel_scale, self.channel_scale = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.query, self.key, self.value = nn.Conv2d(c, c // 8, 1), nn.Conv2d(c, c // 8, 1), nn.Conv2d(c, c, 1)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        query = self.query(x).view(n, -1, h * w).permute(0, 2, 1)
        weights = self.softmax(torch.bmm(query, self.key(x).view(n, -1, h * w)))
        by_pixel = torch.bmm(self.value(x).view(n, -1, h * w), weights.permute(0, 2, 1)).view(n, c, h, w)
        flat = x.view(n, c, -1)
        energy = torch.bmm(flat, flat.permute(0, 2, 1))
        weights = self.softmax(torch.max(energy, -1, keepdim=True)[0].expand_as(energy) - energy)
        by_channel = torch.bmm(weights, flat).view(n, c, h, w)
        return (self.pixel_scale * by_pixel + x) + (self.channel_scale * by_channel + x)


class LSK(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(c, c, 5, padding=2, groups=c)
        self.far = nn.Conv2d(c, c, 7, padding=9, dilation=3, groups=c)
        self.half1, self.half2 = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c // 2, 1)
        self.squeeze, self.widen = nn.Conv2d(2, 2, 7, padding=3), nn.Conv2d(c // 2, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(x)
        far = self.half2(self.far(near))
        near = self.half1(near)
        both = torch.cat([near, far], dim=1)
        pooled = torch.cat([torch.mean(both, dim=1, keepdim=True), torch.max(both, dim=1, keepdim=True)[0]], dim=1)
        share = self.squeeze(pooled).sigmoid()
        both = near * share[:, 0, :, :].unsqueeze(1) + far * share[:, 1, :, :].unsqueeze(1)
        return x * self.widen(both)


class NAM(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(x)
        share = self.bn.weight.detach().abs() / torch.sum(self.bn.weight.detach().abs())
        y = torch.mul(share, y.permute(0, 2, 3, 1).contiguous()).permute(0, 3, 1, 2).contiguous()
        return torch.sigmoid(y) * x


class ELA(nn.Module):
    def __init__(self, c: int, kernel_size: int, groups: int, norm_groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(c, c, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)
        self.gn = nn.GroupNorm(norm_groups, c)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        rows = torch.mean(x, dim=3, keepdim=True).view(n, c, h)
        columns = torch.mean(x, dim=2, keepdim=True).view(n, c, w)
        rows = self.gn(self.conv(rows)).sigmoid().view(n, c, h, 1)
        columns = self.gn(self.conv(columns)).sigmoid().view(n, c, 1, w)
        return x * rows * columns


class MLCA(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        t = int(abs(math.log2(c) + 1) / 2)
        k = t if t % 2 else t + 1
        self.conv, self.conv_local = (nn.Conv1d(1, 1, k, padding=k // 2, bias=False) for _ in range(2))
        self.pool, self.pool_all = nn.AdaptiveAvgPool2d(5), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        local = self.pool(x)
        across = self.conv(self.pool_all(local).view(n, c, 1).transpose(-1, -2))
        within = self.conv_local(local.view(n, c, -1).transpose(-1, -2).reshape(n, 1, -1))
        within = within.reshape(n, 25, c).transpose(-1, -2).reshape(n, c, 5, 5).sigmoid()
        across = F.adaptive_avg_pool2d(across.view(n, c, 1, 1).sigmoid(), (5, 5))
        return x * F.adaptive_avg_pool2d(across * 0.5 + within * 0.5, (h, w))


class SCSA(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        q = c // 4
        self.convs = nn.ModuleList(nn.Conv1d(q, q, k, padding=k // 2, groups=q) for k in (3, 5, 7, 9))
        self.norm_h, self.norm_w = nn.GroupNorm(4, c), nn.GroupNorm(4, c)
        self.norm = nn.GroupNorm(1, c)
        self.q, self.k, self.v = (nn.Conv2d(c, c, 1, groups=c, bias=False) for _ in range(3))
        self.pool = nn.AvgPool2d(7, 7)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        gates = []
        for line, norm in ((x.mean(dim=3), self.norm_h), (x.mean(dim=2), self.norm_w)):
            parts = torch.split(line, c // 4, dim=1)
            gates.append(norm(torch.cat([conv(p) for conv, p in zip(self.convs, parts, strict=True)], dim=1)).sigmoid())
        z = x * gates[0].view(n, c, h, 1) * gates[1].view(n, c, 1, w)
        y = self.norm(self.pool(z))
        q, k, v = (layer(y).view(n, 1, c, -1) for layer in (self.q, self.k, self.v))
        attention = (q @ k.transpose(-2, -1) * c**-0.5).softmax(dim=-1)
        gate = (attention @ v).reshape(n, c, *y.size()[2:]).mean((2, 3), keepdim=True).sigmoid()
        return gate * z
