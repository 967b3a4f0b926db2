"""Attention between pixels: in parts as in one, and what is known of its size beforehand."""

from __future__ import annotations

import pytest
import torch

from pipeline.attention import _pixels, build
from tests.attention.cases import CASES, arbitrary, image


@pytest.mark.parametrize("case", ["danet", "generalized", "generalized-place"])
def test_in_parts_as_in_one(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values shorter or longer than keys have no fused attention on a CPU: a large matrix is made in parts."""
    module, x = arbitrary(case), image(CASES[case][1], 5, 7).requires_grad_()
    results = []
    for largest in (_pixels.LARGEST, 40):
        monkeypatch.setattr(_pixels, "LARGEST", largest)
        y = module(x)
        results.append([y, *torch.autograd.grad(y.sin().sum(), [x, *module.parameters()])])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize(
    ("name", "options", "pairs"),
    [
        ("se", {}, 0),
        ("non_local", {}, 35**2),
        ("non_local", {"mode": "dot_product"}, 0),
        ("danet", {}, 35**2),
        ("generalized", {}, 8 * 35 * 12),  # 3 x 4 keys at stride 2
        ("generalized", {"attention_type": "0010", "heads": 4}, 4 * 12),
        ("generalized", {"attention_type": "0001", "kv_stride": 1}, 8 * 35 * 35),
    ],
)
def test_pairs_of_pixels(name: str, options: dict, pairs: int) -> None:
    assert build(name, 64, **options).pixel_pairs(5, 7) == pairs
