"""Operations that counters of FLOPs miss: fused attention, softmax."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.detector.counting import operations

N, DIM = 48, 16


class Attention(nn.Module):
    """Fused by torch, or in its parts: a product, a softmax, a product."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            return functional.scaled_dot_product_attention(x, x, x)
        return (x @ x.transpose(-1, -2) / DIM**0.5).softmax(-1) @ x

    def test_step(self, batch: dict[str, Any]) -> Tensor:
        found: Tensor = self(batch["inputs"])
        return found


@pytest.mark.parametrize("fused", [True, False])
def test_multiply_adds_of_attention_are_the_same_fused_or_not(fused: bool) -> None:
    found = operations(Attention(fused), {"inputs": torch.randn(1, 2, N, DIM)})
    assert found.gflops * 1e9 == 2 * 2 * N * N * DIM  # two heads, two products
    assert "_scaled_dot_product_flash_attention_for_cpu" not in found.uncounted


def test_a_softmax_counts_five_operations_an_element() -> None:
    found = operations(Attention(False), {"inputs": torch.randn(1, 2, N, DIM)})
    assert found.uncounted == {"_softmax": 1, "div": 1}
    assert found.uncounted_gops * 1e9 == pytest.approx((5 + 1) * 2 * N * N)
