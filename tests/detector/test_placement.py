"""Every module at every place of every detector trains, leaves other keys alone, and reloads."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.optim import build_optim_wrapper

from pipeline.detector.config import resolve
from pipeline.detector.placement import PREFIX, attention_modules

from . import tiny

# At thin widths a reduction by 16 leaves one hidden unit, which may be dead, and 64 groups do not fit.
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "se": ("se", {"reduction": 4}),
    "cbam": ("cbam", {"reduction": 4}),
    "bam": ("bam", {"reduction": 4}),
    "eca": ("eca", {}),
    "shuffle": ("shuffle", {"groups": 4}),
    "polarized_parallel": ("polarized", {"mode": "parallel"}),
    "polarized_sequential": ("polarized", {"mode": "sequential"}),
    "sge": ("sge", {"groups": 4}),
    "coordinate": ("coordinate", {}),
    "gam": ("gam", {}),
}
STAGES, LEVELS = [2], [0, 2]
BLOCKS = {"faster_r18": 2, "faster_r50": 4, "retina_r50": 4}  # residual blocks in that stage
PLACES = {
    "faster_r18": ["after_conv1", "after_conv2", "before_add", "after_stage", "neck"],
    "faster_r50": ["after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck"],
    "retina_r50": ["after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck"],
}


def everywhere(module: str, detector: str) -> list[dict[str, Any]]:
    name, options = MODULES[module]
    index = {"neck": {"levels": LEVELS}}
    return [
        {"name": name, "options": options, "place": place, **index.get(place, {"stages": STAGES})}
        for place in PLACES[detector]
    ]


@cache
def plain_shapes(detector: str) -> dict[str, torch.Size]:
    model = MODELS.build(resolve(tiny.study(detector=detector), "baseline").model)
    return {key: value.shape for key, value in model.state_dict().items()}


@pytest.mark.parametrize("detector", tiny.DETECTORS)
@pytest.mark.parametrize("module", MODULES)
def test_every_place_trains_a_step_and_reloads(module: str, detector: str, batch: Any) -> None:
    study = tiny.study({"x": {"attention": everywhere(module, detector)}}, detector)
    config = resolve(study, "x")
    model = tiny.build(config)
    inserted = attention_modules(model)

    for place in PLACES[detector]:
        count = {"neck": len(LEVELS), "after_stage": len(STAGES)}.get(place, BLOCKS[detector])
        assert sum(f".{PREFIX}{place}_" in name for name in inserted) == count, place

    rest = tiny.shared(model.state_dict())
    assert {key: value.shape for key, value in rest.items()} == plain_shapes(detector)

    before = {key: value.clone() for key, value in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    model.train()
    wrapper.backward(tiny.loss_of(model, batch))
    for name, attention in inserted.items():
        gradients = [parameter.grad for parameter in attention.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients), name
        assert any(gradient.any() for gradient in gradients), f"{name} is not on the way to the loss"
    wrapper.step()
    state = model.state_dict()
    for name in inserted:
        changed = [key for key in state if key.startswith(f"{name}.") and not torch.equal(state[key], before[key])]
        assert changed, f"{name} did not learn"

    again = MODELS.build(config.model)
    again.load_state_dict(state, strict=True)
    assert tiny.equal(tiny.features(again, tiny.image()), tiny.features(model, tiny.image()))


def test_indices_choose_stages_and_levels() -> None:
    config = resolve(
        tiny.study(
            {
                "x": {
                    "attention": [
                        {"name": "se", "stages": [4]},
                        {"name": "eca", "place": "neck", "levels": [0, 4]},
                        {"name": "sge", "options": {"groups": 8}, "place": "after_stage"},
                    ]
                }
            }
        ),
        "x",
    )
    assert sorted(attention_modules(MODELS.build(config.model))) == sorted(
        [f"backbone.layer4.{block}.attention_before_add_se" for block in range(3)]
        + [f"backbone.layer{stage}.attention_after_stage_sge" for stage in range(1, 5)]
        + ["neck.attention_neck_eca", "neck.attention_neck_eca_n2"]
    )
