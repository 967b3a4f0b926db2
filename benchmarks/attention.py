"""Time of each attention module against a straight transcription of its formula in the common style.

    python -m benchmarks.attention

Ratio below 1: ours is faster. Forward and backward in train mode, both sides alternating in one process, ratio of the
fastest passes, since other work on the machine only ever adds time; a cell is the median of three rounds. The
transcriptions stand in peers.py and peers_recent.py: pooling layers, views, `expand_as`, one operation a term; where a
library has the module or a fused form of it, that is a peer too. Before a pair is timed, it gets the same parameters
and must agree in float64 on the output and the gradient of the input.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import peers, peers_recent
from pipeline.attention import build
from pipeline.common.files import write_json

BATCH, ROUNDS = 2, 3
MAPS = [(64, 14), (64, 56), (64, 100), (256, 14), (256, 28), (256, 56), (512, 14), (512, 28), (512, 50)]
HEAVIEST = 12e9  # multiply-accumulates of one forward pass; larger cells of GAM and of 49x49 kernels are left out


PAIRS: dict[str, tuple[str, dict[str, Any], Callable[[int], nn.Module]]] = {
    "se": ("se", {}, peers.SE),
    "cbam": ("cbam", {}, peers.CBAM),
    "cbam article": ("cbam", {"form": "article"}, lambda c: peers.CBAM(c, article=True)),
    "bam": ("bam", {}, lambda c: peers.BAM(c, "paper")),
    "bam official": ("bam", {"form": "official"}, lambda c: peers.BAM(c, "official")),
    "bam article": ("bam", {"form": "article"}, lambda c: peers.BAM(c, "article")),
    "eca": ("eca", {}, peers.ECA),
    "eca article": ("eca", {"form": "article"}, lambda c: peers.ECA(c, article=True)),
    "shuffle G=32": ("shuffle", {"groups": 32}, lambda c: peers.Shuffle(c, 32)),
    "shuffle article": ("shuffle", {"form": "article"}, lambda c: peers.Shuffle(c, 8)),
    "polarized parallel": ("polarized", {}, lambda c: peers.Polarized(c, False, False)),
    "polarized sequential": ("polarized", {"mode": "sequential"}, lambda c: peers.Polarized(c, False, True)),
    "polarized official parallel": ("polarized", {"form": "official"}, lambda c: peers.Polarized(c, True, False)),
    "polarized official sequential": (
        "polarized", {"form": "official", "mode": "sequential"}, lambda c: peers.Polarized(c, True, True)
    ),
    "sge": ("sge", {}, lambda c: peers.SGE(c, 64)),
    "sge article": ("sge", {"form": "article"}, lambda c: peers.SGE(c, 8)),
    "coordinate": ("coordinate", {}, peers.Coordinate),
    "gam": ("gam", {}, lambda c: peers.GAM(c, 1)),
    "gam groups=4": ("gam", {"groups": 4}, lambda c: peers.GAM(c, 4)),
    "gc": ("gc", {}, peers_recent.GlobalContext),
    "simam": ("simam", {}, peers_recent.SimAM),
    "triplet": ("triplet", {}, peers_recent.Triplet),
    "ema": ("ema", {}, lambda c: peers_recent.EMA(c, 32)),
    "ema factor=8": ("ema", {"factor": 8}, lambda c: peers_recent.EMA(c, 8)),
    "non_local": ("non_local", {}, peers_recent.NonLocal),
    "non_local, fused peer": ("non_local", {}, lambda c: peers_recent.NonLocal(c, fused=True)),
    "non_local dot product": (
        "non_local", {"mode": "dot_product"}, lambda c: peers_recent.NonLocal(c, dot_product=True)
    ),
    "generalized 1111": ("generalized", {}, lambda c: peers_recent.generalized(c, "1111")),
    "generalized 0010": ("generalized", {"attention_type": "0010"}, lambda c: peers_recent.generalized(c, "0010")),
    "danet": ("danet", {}, peers_recent.DANet),
    "lsk": ("lsk", {}, peers_recent.LSK),
    "nam": ("nam", {}, peers_recent.NAM),
    "ela T": ("ela", {"variant": "T"}, lambda c: peers_recent.ELA(c, 5, c, 32)),
    "ela": ("ela", {}, lambda c: peers_recent.ELA(c, 7, c, 16)),
    "ela L": ("ela", {"variant": "L"}, lambda c: peers_recent.ELA(c, 7, c // 8, 16)),
    "mlca": ("mlca", {}, peers_recent.MLCA),
    "scsa": ("scsa", {}, peers_recent.SCSA),
}  # fmt: skip


def step(module: nn.Module, x: Tensor, seed: Tensor) -> Tensor:
    """One forward and backward pass; returns the output."""
    x.grad = None
    module.zero_grad()
    y: Tensor = module(x)
    y.backward(seed)
    return y


def check(ours: nn.Module, theirs: nn.Module, channels: int) -> None:
    """Give both the same parameters; in float64, on a map of uneven sides, they must then agree."""
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine.uniform_(-0.1, 0.1).view_as(other))
    x = torch.randn(BATCH, channels, 13, 15, dtype=torch.float64, requires_grad=True)
    seed = torch.randn_like(x)
    results = []
    for module in (ours.double(), theirs.double()):
        y = step(module, x, seed).detach()
        assert x.grad is not None
        results.append((y, x.grad.clone()))
        module.float()
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


def ratio(ours: nn.Module, theirs: nn.Module, x: Tensor, seconds: float, clock: Callable[[], float]) -> float:
    """Fastest pass of `ours` over that of `theirs`, alternating for about `seconds`, at least 7 times each."""
    seed = torch.randn_like(x)
    check(ours, theirs, x.shape[1])
    ours, theirs = ours.to(x.device), theirs.to(x.device)
    times: tuple[list[float], list[float]] = ([], [])
    start = clock()
    while clock() - start < seconds or len(times[0]) < 7:
        for module, spent in zip((ours, theirs), times, strict=True):
            begin = clock()
            step(module, x, seed)
            spent.append(clock() - begin)
    return min(times[0]) / min(times[1])


def macs(name: str, channels: int, size: int) -> float:
    """Multiply-accumulates of large convolutions and of products between pixels, the only ones that take minutes."""
    pixels = size**2
    each = {
        "gam": 24.5 * channels**2,
        "gam groups=4": 6.2 * channels**2,
        "cbam article": 2 * 49**2,
        "non_local": pixels * channels,
        "non_local, fused peer": pixels * channels,
        "non_local dot product": pixels * channels,
        "generalized 1111": pixels / 4 * 10 * channels,  # MMCV's keeps matrices that weigh more than its products
        "generalized 0010": pixels / 4 * 10 * channels,
        "danet": pixels * 1.125 * channels,
    }
    return each.get(name, 0) * BATCH * pixels


def ratios(
    name: str, layout: torch.memory_format, seconds: float, clock: Callable[[], float], device: str = "cpu"
) -> list[float | None]:
    """One row of the table; None where a cell is too heavy."""
    key, options, theirs = PAIRS[name]
    row: list[float | None] = []
    for channels, size in MAPS:
        if macs(name, channels, size) > HEAVIEST:
            row.append(None)
            continue
        rounds = []
        for _ in range(ROUNDS):  # modules and maps anew: where they come to lie in memory is luck too
            x = torch.randn(BATCH, channels, size, size).to(device, memory_format=layout).requires_grad_()
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
    parser.add_argument("--rows", type=Path, help="a file to keep each row in; a run that was cut goes on from it")
    args = parser.parse_args()
    threads, clock = (1, time.process_time) if args.busy else (args.threads, time.perf_counter)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    told = table(_rows(args.only, layout, args.seconds, clock, args.rows))
    print(f"{told}; {threads} thread(s), {clock.__name__}, torch {torch.__version__}, batch {BATCH}.")


def _rows(
    names: Iterable[str], layout: torch.memory_format, seconds: float, clock: Callable[[], float], keep: Path | None
) -> Iterator[tuple[str, list[float | None]]]:
    kept = json.loads(keep.read_text()) if keep and keep.exists() else {}
    for name in names:
        if name not in kept:
            kept[name] = ratios(name, layout, seconds, clock)
            if keep:
                write_json(keep, kept)
        yield name, kept[name]


def table(rows: Iterable[tuple[str, list[float | None]]]) -> str:
    """Prints each row as it comes; returns the sum of them in words."""
    print("| module | " + " | ".join(f"{c} x {s}²" for c, s in MAPS) + " | mean |")
    print("|---" * (len(MAPS) + 2) + "|")
    every: list[float] = []
    for name, row in rows:
        known = [value for value in row if value is not None]
        every += known
        cells = " | ".join("–" if value is None else f"{value:.2f}" for value in row)
        print(f"| {name} | {cells} | {mean(known):.2f} |", flush=True)
    return f"\nGeometric mean {mean(every):.2f}, largest {max(every):.2f}, of {len(every)} cells"


def mean(ratios: list[float]) -> float:
    """Geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


if __name__ == "__main__":
    main()
