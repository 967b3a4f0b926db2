"""Your own attention is one file and one line: nothing else is registered anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.detector.config import resolve
from pipeline.detector.cost import attention_parameters
from pipeline.detector.placement import attention_modules

from . import tiny

SOURCE = '''"""MINE: a gate of my own, 2026. https://example.org/mine

One learned number a channel, x * sigmoid(w).
"""
import torch
from torch import nn
from pipeline.attention import Attention

class Mine(Attention):
    def __init__(self, channels, start=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), float(start)))

    def forward(self, x):
        return x * self.weight.sigmoid()[:, None, None]
'''


def test_a_file_in_the_folder_is_an_attention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: Any) -> None:
    assert len(SOURCE.splitlines()) <= 15
    (tmp_path / "mine.py").write_text(SOURCE)
    monkeypatch.setattr(attention, "__path__", [*attention.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.attention.mine", raising=False)
    variants = {"mine": {"attention": "mine", "options": {"start": 2.0}, "place": "after_stage", "stages": [2]}}
    config = resolve(tiny.study(variants), "mine")
    model = tiny.build(config)
    assert attention_parameters(config.to_dict()) == 128
    (module,) = attention_modules(model).values()
    assert (module.weight == 2).all()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    model.train()
    wrapper.update_params(tiny.loss_of(model, batch))
    assert (module.weight != 2).all()
    spared = [group for group in wrapper.optimizer.param_groups if group["weight_decay"] == 0]
    assert [group["params"] for group in spared] == [[module.weight]]


IMPORTED = """
import torch
from torch import nn

class Drawn(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, 1)
        self.shift = nn.Parameter(torch.randn(1, dim, 1, 1))
        nn.init.constant_(self.mix.weight, 0.25)

    def forward(self, x):
        return x * (self.mix(x) + self.shift).sigmoid()
"""


def test_a_class_by_its_import_path_trains_and_leaves_the_rest_as_the_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: Any
) -> None:
    """Its own start, drawn in the constructor, comes from seed and place, and survives MMDetection's initialisation."""
    (tmp_path / "imported_gate.py").write_text(IMPORTED)
    monkeypatch.syspath_prepend(tmp_path)
    study = tiny.study({"x": {"attention": "imported_gate.py:Drawn", "place": "after_conv2", "stages": [2]}})
    config = resolve(study, "x")
    first, again, other = (tiny.build(config, seed) for seed in (0, 0, 1))
    modules = attention_modules(first)
    assert set(modules) == {f"backbone.layer2.{i}.attention_after_conv2_Drawn" for i in range(4)}
    assert all((module.module.mix.weight == 0.25).all() for module in modules.values())
    shifts = [[m.module.shift.detach() for m in attention_modules(model).values()] for model in (first, again, other)]
    assert all(torch.equal(a, b) for a, b in zip(shifts[0], shifts[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(shifts[0], shifts[2], strict=True))
    assert not torch.equal(shifts[0][0], shifts[0][1])
    plain = tiny.build(resolve(tiny.study(), "baseline")).state_dict()
    rest = tiny.shared(first.state_dict())
    assert rest.keys() == plain.keys()
    assert all(torch.equal(value, plain[key]) for key, value in rest.items())
    wrapper = build_optim_wrapper(first, config.optim_wrapper)
    first.train()
    wrapper.update_params(tiny.loss_of(first, batch))
    assert all((module.module.mix.weight != 0.25).any() for module in modules.values())


def test_a_plan_tries_an_imported_module_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_gate.py").write_text(
        IMPORTED.replace("return x * (", "return 2 * x[:1] + 0 * (").replace(".sigmoid()", "[:1]")
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_gate", raising=False)
    with pytest.raises(
        UserError, match=r"variants.x: attention `imported_gate:Drawn`: .* it returns 1 x 512 x 13 x 17"
    ):
        tiny.plan(tiny.study({"x": {"attention": "imported_gate:Drawn", "stages": [4]}}), "x")
