"""Your own attention is one file and one line: nothing else is registered anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from mmengine.optim import build_optim_wrapper

from pipeline import attention
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
