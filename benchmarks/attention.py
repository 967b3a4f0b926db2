"""Time of each attention module against a straight transcription of its formula in the common style.

    python -m benchmarks.attention

Ratio below 1: ours is faster. Forward and backward in train mode, both sides alternating in one process, ratio of the
fastest passes, since other work on the machine only ever adds time; a cell is the median of three rounds. The
transcriptions stand below: pooling layers, views, `expand_as`, one operation a term. Before a pair is timed, it gets
the same parameters and must agree on the output and the gradient of the input.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.attention import build

BATCH, ROUNDS = 2, 3
MAPS = [(64, 14), (64, 56), (64, 100), (256, 14), (256, 28), (256, 56), (512, 14), (512, 28), (512, 50)]
HEAVIEST = 12e9  # multiply-accumulates of one forward pass; larger cells of GAM and of 49x49 kernels are left out


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


PAIRS: dict[str, tuple[str, dict[str, Any], Callable[[int], nn.Module]]] = {
    "se": ("se", {}, SE),
    "cbam": ("cbam", {}, CBAM),
    "cbam article": ("cbam", {"form": "article"}, lambda c: CBAM(c, article=True)),
    "bam": ("bam", {}, lambda c: BAM(c, "paper")),
    "bam official": ("bam", {"form": "official"}, lambda c: BAM(c, "official")),
    "bam article": ("bam", {"form": "article"}, lambda c: BAM(c, "article")),
    "eca": ("eca", {}, ECA),
    "eca article": ("eca", {"form": "article"}, lambda c: ECA(c, article=True)),
    "shuffle G=32": ("shuffle", {"groups": 32}, lambda c: Shuffle(c, 32)),
    "shuffle article": ("shuffle", {"form": "article"}, lambda c: Shuffle(c, 8)),
    "polarized parallel": ("polarized", {}, lambda c: Polarized(c, False, False)),
    "polarized sequential": ("polarized", {"mode": "sequential"}, lambda c: Polarized(c, False, True)),
    "polarized official parallel": ("polarized", {"form": "official"}, lambda c: Polarized(c, True, False)),
    "polarized official sequential": (
        "polarized", {"form": "official", "mode": "sequential"}, lambda c: Polarized(c, True, True)
    ),
    "sge": ("sge", {}, lambda c: SGE(c, 64)),
    "sge article": ("sge", {"form": "article"}, lambda c: SGE(c, 8)),
    "coordinate": ("coordinate", {}, Coordinate),
    "gam": ("gam", {}, lambda c: GAM(c, 1)),
    "gam groups=4": ("gam", {"groups": 4}, lambda c: GAM(c, 4)),
}  # fmt: skip


def step(module: nn.Module, x: Tensor, seed: Tensor) -> Tensor:
    """One forward and backward pass; returns the output."""
    x.grad = None
    module.zero_grad()
    y: Tensor = module(x)
    y.backward(seed)
    return y


def check(ours: nn.Module, theirs: nn.Module, x: Tensor, seed: Tensor) -> None:
    """Give both the same parameters; they must then agree."""
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine.uniform_(-0.1, 0.1).view_as(other))
    results = []
    for module in (ours, theirs):
        y = step(module, x, seed).detach()
        assert x.grad is not None
        results.append((y, x.grad.clone()))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


def ratio(ours: nn.Module, theirs: nn.Module, x: Tensor, seconds: float, clock: Callable[[], float]) -> float:
    """Fastest pass of `ours` over that of `theirs`, alternating for about `seconds`, at least 7 times each."""
    seed = torch.randn_like(x)
    check(ours, theirs, x, seed)
    times: tuple[list[float], list[float]] = ([], [])
    start = clock()
    while clock() - start < seconds or len(times[0]) < 7:
        for module, spent in zip((ours, theirs), times, strict=True):
            begin = clock()
            step(module, x, seed)
            spent.append(clock() - begin)
    return min(times[0]) / min(times[1])


def macs(name: str, channels: int, size: int) -> float:
    """Multiply-accumulates of the large convolutions, the only ones that would take minutes."""
    kernels = {"gam": 24.5 * channels**2, "gam groups=4": 6.2 * channels**2, "cbam article": 2 * 49**2}
    return kernels.get(name, 0) * BATCH * size**2


def ratios(name: str, layout: torch.memory_format, seconds: float, clock: Callable[[], float]) -> list[float | None]:
    """One row of the table; None where a cell is too heavy."""
    key, options, theirs = PAIRS[name]
    row: list[float | None] = []
    for channels, size in MAPS:
        if macs(name, channels, size) > HEAVIEST:
            row.append(None)
            continue
        rounds = []
        for _ in range(ROUNDS):  # modules and maps anew: where they come to lie in memory is luck too
            x = torch.randn(BATCH, channels, size, size).to(memory_format=layout).requires_grad_()
            rounds.append(ratio(build(key, channels, **options), theirs(channels), x, seconds / ROUNDS, clock))
        row.append(statistics.median(rounds))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", action="store_true", help="one thread, CPU time: for a machine that others use")
    parser.add_argument("--seconds", type=float, default=0.9, help="time for each cell of the table")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=PAIRS, default=list(PAIRS))
    args = parser.parse_args()
    threads, clock = (1, time.process_time) if args.busy else (args.threads, time.perf_counter)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print("| module | " + " | ".join(f"{c} x {s}²" for c, s in MAPS) + " | mean |")
    print("|---" * (len(MAPS) + 2) + "|")
    every: list[float] = []
    for name in args.only:
        row = ratios(name, layout, args.seconds, clock)
        known = [value for value in row if value is not None]
        every += known
        cells = " | ".join("–" if value is None else f"{value:.2f}" for value in row)
        print(f"| {name} | {cells} | {mean(known):.2f} |", flush=True)
    print(
        f"\nGeometric mean {mean(every):.2f}, largest {max(every):.2f}, of {len(every)} cells; "
        f"{threads} thread(s), {clock.__name__}, torch {torch.__version__}, batch {BATCH}."
    )


def mean(ratios: list[float]) -> float:
    """Geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


if __name__ == "__main__":
    main()
