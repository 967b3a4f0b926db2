"""The article's nine modules in the common style: pooling layers, views, `expand_as`, one operation a term."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SE(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(c, c // 16, bias=False), nn.ReLU(inplace=True), nn.Linear(c // 16, c, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.size()
        return x * self.fc(self.pool(x).view(n, c)).view(n, c, 1, 1).expand_as(x)


class CBAM(nn.Module):
    def __init__(self, c: int, article: bool = False) -> None:
        super().__init__()
        self.article = article
        self.average, self.maximum = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.mlp = nn.Sequential(
            nn.Linear(c, c // 16, bias=not article), nn.ReLU(), nn.Linear(c // 16, c, bias=not article)
        )
        size = 49 if article else 7
        self.conv = nn.Conv2d(2, 1, size, padding=size // 2, bias=article)
        self.bn = nn.Identity() if article else nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.size()
        channel = self.mlp(self.average(x).view(n, c)) + self.mlp(self.maximum(x).view(n, c))
        out = x * channel.sigmoid().view(n, c, 1, 1).expand_as(x)
        largest, _ = torch.max(out, dim=1, keepdim=True)
        spatial = self.bn(self.conv(torch.cat([largest, torch.mean(out, dim=1, keepdim=True)], 1)))
        out = out * spatial.sigmoid().expand_as(out)
        return out + x if self.article else out


class BAM(nn.Module):
    def __init__(self, c: int, form: str) -> None:
        super().__init__()
        self.product = form == "official"
        n_channel, n_spatial, dilation = (3, 3, 2) if form == "article" else (1, 2, 4)
        h = c // 16
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.channel = nn.Sequential()
        for i in range(n_channel):
            self.channel.extend([nn.Linear(h if i else c, h), nn.BatchNorm1d(h), nn.ReLU()])
        self.channel.append(nn.Linear(h, c))
        self.spatial = nn.Sequential(nn.Conv2d(c, h, 1), nn.BatchNorm2d(h), nn.ReLU())
        for _ in range(n_spatial):
            conv = nn.Conv2d(h, h, 3, padding=dilation, dilation=dilation)
            self.spatial.extend([conv, nn.BatchNorm2d(h), nn.ReLU()])
        self.spatial.append(nn.Conv2d(h, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.size()
        channel = self.channel(self.pool(x).view(n, c)).unsqueeze(2).unsqueeze(3).expand_as(x)
        spatial = self.spatial(x).expand_as(x)
        return (1 + torch.sigmoid(channel * spatial if self.product else channel + spatial)) * x


class ECA(nn.Module):
    def __init__(self, c: int, article: bool = False) -> None:
        super().__init__()
        k = 3 if article or c == 64 else 5
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, k, padding=k // 2, bias=article)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(self.pool(x).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        return x * y.sigmoid().expand_as(x)


class Shuffle(nn.Module):
    def __init__(self, c: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        half = c // (2 * groups)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.cw, self.cb, self.sw, self.sb = (nn.Parameter(torch.zeros(1, half, 1, 1)) for _ in range(4))
        self.gn = nn.GroupNorm(half, half)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        x0, x1 = x.reshape(n * self.groups, -1, h, w).chunk(2, dim=1)
        x0 = x0 * torch.sigmoid(self.cw * self.pool(x0) + self.cb)
        x1 = x1 * torch.sigmoid(self.sw * self.gn(x1) + self.sb)
        out = torch.cat([x0, x1], dim=1).reshape(n, c, h, w)
        return out.reshape(n, 2, -1, h, w).permute(0, 2, 1, 3, 4).reshape(n, -1, h, w)


class Polarized(nn.Module):
    """All four: paper and official form, parallel and sequential."""

    def __init__(self, c: int, official: bool, sequential: bool) -> None:
        super().__init__()
        self.official, self.sequential = official, sequential
        half, bias = c // 2, not official
        self.q = nn.Conv2d(c, 1, 1, bias=bias)
        self.v = nn.Conv2d(c, half, 1, bias=bias)
        if not official:
            self.up = nn.Sequential(nn.Conv2d(half, c, 1), nn.LayerNorm([c, 1, 1]))
        elif sequential:
            self.up = nn.Sequential(
                nn.Conv2d(half, c // 8, 1), nn.LayerNorm([c // 8, 1, 1]), nn.ReLU(), nn.Conv2d(c // 8, c, 1)
            )
        else:
            self.up = nn.Sequential(nn.Conv2d(half, c, 1, bias=False))
        self.q2, self.v2 = nn.Conv2d(c, half, 1, bias=bias), nn.Conv2d(c, half, 1, bias=bias)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        query = torch.softmax(self.q(x).view(n, 1, h * w), dim=2)
        context = torch.matmul(self.v(x).view(n, c // 2, h * w), query.transpose(1, 2)).unsqueeze(-1)
        channel = x * torch.sigmoid(self.up(context)).expand_as(x)
        y = channel if self.sequential else x
        query = self.pool(self.q2(y)).view(n, 1, c // 2)
        value = self.v2(y).view(n, c // 2, h * w)
        if not self.official:
            query = torch.softmax(query, dim=2)
        if self.official and self.sequential:
            value = torch.softmax(value, dim=2)
        score = torch.matmul(query, value)
        if self.official and not self.sequential:
            score = torch.softmax(score, dim=2)
        out = y * torch.sigmoid(score.view(n, 1, h, w)).expand_as(y)
        return out if self.sequential else out + channel


class SGE(nn.Module):
    def __init__(self, c: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weight = nn.Parameter(torch.zeros(1, groups, 1, 1))
        self.bias = nn.Parameter(torch.ones(1, groups, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        x = x.reshape(n * self.groups, -1, h, w)
        t = (x * self.pool(x)).sum(dim=1, keepdim=True).view(n * self.groups, -1)
        t = t - t.mean(dim=1, keepdim=True)
        t = t / (t.std(dim=1, keepdim=True) + 1e-5)
        t = (t.view(n, self.groups, h, w) * self.weight + self.bias).view(n * self.groups, 1, h, w)
        return (x * torch.sigmoid(t)).view(n, c, h, w)


class Coordinate(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        m = max(8, c // 32)
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv, self.bn = nn.Conv2d(c, m, 1), nn.BatchNorm2d(m)
        self.conv_h, self.conv_w = nn.Conv2d(m, c, 1), nn.Conv2d(m, c, 1)
        self.relu6 = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.size()
        y = self.bn(self.conv(torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)))
        y_h, y_w = torch.split(y * (self.relu6(y + 3) / 6), [h, w], dim=2)
        return x * self.conv_w(y_w.permute(0, 1, 3, 2)).sigmoid() * self.conv_h(y_h).sigmoid()


class GAM(nn.Module):
    def __init__(self, c: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.channel = nn.Sequential(nn.Linear(c, c // 4), nn.ReLU(inplace=True), nn.Linear(c // 4, c))
        self.spatial = nn.Sequential(
            nn.Conv2d(c, c // 4, 7, padding=3, groups=groups),
            nn.BatchNorm2d(c // 4),
            nn.ReLU(inplace=True),
            nn.Conv2d(c // 4, c, 7, padding=3, groups=groups),
            nn.BatchNorm2d(c),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        channel = self.channel(x.permute(0, 2, 3, 1).reshape(n, -1, c)).view(n, h, w, c)
        x = x * channel.permute(0, 3, 1, 2)
        gate = self.spatial(x).sigmoid()
        if self.groups > 1:
            gate = gate.view(n, self.groups, -1, h, w).transpose(1, 2).reshape(n, c, h, w)
        return x * gate
