"""Each check compares a device with the CPU and returns what it measured; an assertion fails it."""

from __future__ import annotations

import copy

import torch
from mmcv.ops import RoIAlign, nms
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from pipeline import attention
from pipeline.detector.config import resolve
from pipeline.detector.randomness import initialise
from tests import made
from tests.detector import tiny

TOLERANCE = 2e-3  # relative, in float32: reductions in another order, TF32 off
HALF = 2e-2  # relative, of float16's eleven bits through a module
CHANNELS = 128  # what every module takes with its default options


def operators(device: str) -> str:
    """RoIAlign forward and backward, and NMS, of MMCV."""
    draws = torch.Generator().manual_seed(0)
    image = torch.rand(1, 4, 24, 32, generator=draws)
    corner = torch.rand(50, 2, generator=draws) * 40
    boxes = torch.cat([corner, corner + 4 + torch.rand(50, 2, generator=draws) * 40], dim=1)
    rois = torch.cat([torch.zeros(50, 1), boxes], dim=1)
    scores = torch.rand(50, generator=draws)

    def run(on: str) -> list[Tensor]:
        x = image.to(on).requires_grad_()
        pooled = RoIAlign(7, 0.5)(x, rois.to(on))
        pooled.square().sum().backward()
        kept, index = nms(boxes.to(on), scores.to(on), iou_threshold=0.5)
        return [pooled, x.grad, kept, index.float()]

    return f"largest relative difference {_difference(run(device), run('cpu')):.1e}"


def modules(device: str) -> str:
    """Every attention module forward and backward, in both memory formats, and finite under autocast."""
    worst = 0.0
    for name in attention.names():
        reference = attention.build(name, CHANNELS).train()
        tiny.stir(reference)
        moved = copy.deepcopy(reference).to(device)
        x = torch.rand(2, CHANNELS, 12, 16, generator=torch.Generator().manual_seed(1))
        expected = _forward_and_backward(copy.deepcopy(reference), x)
        for memory_format in (torch.contiguous_format, torch.channels_last):
            given = x.to(device).contiguous(memory_format=memory_format)
            difference = _difference(_forward_and_backward(copy.deepcopy(moved), given), expected)
            assert difference < TOLERANCE, f"{name}, {memory_format}: {difference:.1e}"
            worst = max(worst, difference)
        dtype = torch.float16 if device == "cuda" else torch.bfloat16
        with torch.autocast(device, dtype=dtype):
            found = _forward_and_backward(moved, x.to(device))
        assert all(bool(value.isfinite().all()) for value in found), f"{name} under autocast"
    return f"{len(attention.names())} modules, largest relative difference {worst:.1e}"


def statistics(device: str) -> str:
    """In float16, whose largest number is 65504, the squares and sums of maps with values up to 300 come out right.

    They do where a module takes its statistics in float32. LSK's gate has no bound: its output grows as the square.
    """
    worst = 0.0
    for name in attention.names():
        module = attention.build(name, CHANNELS).train().to(device)
        draws = torch.Generator().manual_seed(1)
        x = (torch.rand(2, CHANNELS, 12, 16, generator=draws) * (30 if name == "lsk" else 300)).to(device)
        with torch.no_grad():
            expected = copy.deepcopy(module)(x).cpu()
            with torch.autocast(device, dtype=torch.float16):
                found = module(x.half())
        difference = _difference([found], [expected])
        assert difference < HALF, f"{name}: {difference:.1e}"
        worst = max(worst, difference)
    return f"largest relative difference to float32 {worst:.1e}"


def start(device: str) -> str:
    """The weights at step 0 of a detector that lies on the device when it is initialised, as in training."""
    init_default_scope("mmdet")
    config = resolve(tiny.study({"cbam": {"attention": "cbam"}}), "cbam", made.manifest())
    there, here = (MODELS.build(copy.deepcopy(config.model)).to(on) for on in (device, "cpu"))
    for model in (there, here):
        initialise(model, 0)
    state = here.state_dict()
    unequal = [key for key, value in there.state_dict().items() if not torch.equal(value.cpu(), state[key])]
    assert not unequal, unequal[:5]
    return f"{len(state)} tensors equal to the CPU's, bit by bit"


ALL = [operators, modules, statistics, start]


def _forward_and_backward(module: nn.Module, x: Tensor) -> list[Tensor]:
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = module(x)
    y.float().square().mean().backward()
    return [y, x.grad, *(p.grad for p in module.parameters() if p.grad is not None)]


def _difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest difference of two tensors, relative to the largest value of the expected one.

    A tensor far below all others is held to a thousandth of their largest value: the gradient of a bias before a
    normalisation is zero but for rounding.
    """
    assert [value.shape for value in found] == [value.shape for value in expected]
    least = 1e-3 * max(float(value.detach().abs().max()) for value in expected)
    pairs = [(a.detach().float().cpu(), b.detach().float()) for a, b in zip(found, expected, strict=True)]
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=least)) for a, b in pairs)
