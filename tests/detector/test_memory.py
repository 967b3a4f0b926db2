"""Peak memory: by hand, and by torch's own tracker."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed._tools.mem_tracker import MemTracker

from pipeline.detector.memory import peak_bytes

CPU = torch.device("cpu")
MB = 4 * 1000 * 1000  # bytes of a thousand by a thousand floats


def test_what_lives_at_once_counts() -> None:
    def step() -> None:
        a = torch.ones(1000, 1000)
        b = a + 1
        del a
        c = b.view(-1) + 1  # a view is no memory of its own
        del b, c
        torch.ones(1000, 1000)

    assert peak_bytes(nn.Linear(1000, 1000, bias=False), CPU, step) == MB + 2 * MB


def test_a_second_step_finds_nothing_left_of_the_first() -> None:
    model = nn.Linear(1000, 1000, bias=False)
    peaks = [peak_bytes(model, CPU, lambda: torch.ones(1000, 1000)) for _ in range(2)]
    assert peaks == [2 * MB, 2 * MB]


def test_a_training_step_as_torchs_own_tracker_has_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 3))
    optimizer = torch.optim.AdamW(model.parameters(), foreach=False)
    x = torch.randn(4, 3, 64, 64)

    def step() -> None:
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    ours = peak_bytes(model, CPU, step)
    tracker = MemTracker()
    tracker.track_external(model, optimizer)
    with tracker:
        step()
    theirs = tracker.get_tracker_snapshot("peak")[CPU]["Total"]
    assert abs(ours - theirs) / theirs < 0.02
