"""Export to ONNX with dynamic batch, height and width; onnxruntime agrees at other sizes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

from tests.attention.cases import CASES, arbitrary


def agree(module: torch.nn.Module, path: Path, channels: int) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch, height, width in ((3, 12, 17), (1, 5, 8)):
        x = torch.randn(batch, channels, height, width)
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), module(x), rtol=1e-4, atol=1e-4)


def trained(case: str, **options: Any) -> tuple[torch.nn.Module, int]:
    return arbitrary(case, **options).float().eval().requires_grad_(False), CASES[case][1]


@pytest.mark.parametrize("case", CASES)
def test_traced_export(case: str, tmp_path: Path) -> None:
    module, channels = trained(case, init="identity")
    axes = {"x": {0: "n", 2: "h", 3: "w"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.randn(2, channels, 9, 7),), tmp_path / "m.onnx",
            dynamo=False, input_names=["x"], dynamic_axes=axes, opset_version=17,
        )  # fmt: skip
    agree(module, tmp_path / "m.onnx", channels)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_dynamo_export(case: str, tmp_path: Path) -> None:
    module, channels = trained(case, init="identity")
    dynamic = torch.export.Dim.DYNAMIC
    torch.onnx.export(
        module, (torch.randn(2, channels, 9, 7),), tmp_path / "m.onnx",
        dynamo=True, dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},), verbose=False,
    )  # fmt: skip
    agree(module, tmp_path / "m.onnx", channels)
