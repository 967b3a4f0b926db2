"""Weights of the published modules, in the order they are registered, give the same output here."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmcv.cnn.bricks import ContextBlock, GeneralizedAttention, NonLocal2d
from torch import nn

from pipeline.attention import build
from tests.attention.cases import image

CASES: dict[str, tuple[nn.Module, str, dict[str, Any]]] = {
    "gc": (ContextBlock(32, 1 / 8), "gc", {"ratio": 1 / 8}),
    "gc-mul": (
        ContextBlock(32, 1 / 8, fusion_types=("channel_mul",)), "gc", {"ratio": 1 / 8, "fusion": "channel_mul"}
    ),
    "non_local": (NonLocal2d(16), "non_local", {}),
    "non_local-dot": (NonLocal2d(16, mode="dot_product"), "non_local", {"mode": "dot_product"}),
    **{
        f"generalized-{bits}": (
            GeneralizedAttention(16, num_heads=4, attention_type=bits, kv_stride=2),
            "generalized",
            {"heads": 4, "attention_type": bits},
        )
        for bits in ("1111", "0010", "1000", "1001")
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_mmcv_gives_the_same(case: str) -> None:
    theirs, name, options = CASES[case]
    x = image(32 if name == "gc" else 16, 7, 9)
    theirs, ours = theirs.double(), build(name, x.shape[1], **options).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other.normal_(0, 0.3, generator=draws).view_as(mine))
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)  # MMCV computes its positions in float32


def test_order_of_modules_whose_tensors_are_of_equal_size() -> None:
    """Triplet: gate along H, W, C. SCSA: four convolutions, norms of rows, columns and windows, query, key, value."""
    gate = ("conv.weight", "norm.weight", "norm.bias")
    triplet = [key for key, _ in build("triplet", 16).named_parameters()]
    assert triplet == [f"over_{axis}.{part}" for axis in ("height", "width", "channels") for part in gate]
    scsa = [key for key, _ in build("scsa", 16).named_parameters()]
    assert scsa == [
        *(f"convs.{i}.{part}" for i in range(4) for part in ("weight", "bias")),
        *(f"{norm}.{part}" for norm in ("norm_rows", "norm_columns", "norm") for part in ("weight", "bias")),
        *(f"{layer}.weight" for layer in ("query", "key", "value")),
    ]
