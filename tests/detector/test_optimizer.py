"""Gates do not decay, all else does as configured, and nothing is trained twice or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.optim import build_optim_wrapper

from pipeline import attention
from pipeline.detector.config import resolve
from pipeline.detector.placement import attention_modules

from . import tiny

EVERY = [
    {"name": "se", "options": {"bias": True}, "stages": [1]},
    {"name": "cbam", "options": {"form": "article", "init": "identity"}, "stages": [1, 4]},
    {"name": "sge", "options": {"groups": 8}, "place": "after_conv2", "stages": [1]},
    {"name": "shuffle", "options": {"groups": 8}, "place": "neck"},
    {"name": "polarized", "place": "after_stage"},
]


def groups(study: Any, variant: str) -> tuple[Any, list[dict[str, Any]]]:
    config = resolve(study, variant)
    model = tiny.build(config)
    return model, build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups


@pytest.mark.parametrize(
    "train", [{"optimizer": "adamw", "weight_decay": 0.05}, {"optimizer": "sgd", "weight_decay": 0.0001}]
)
def test_gates_are_spared(train: dict[str, Any]) -> None:
    model, found = groups(tiny.study({"x": {"attention": EVERY}}, train=train), "x")
    decay = {id(parameter): group["weight_decay"] for group in found for parameter in group["params"]}
    listed = [id(parameter) for group in found for parameter in group["params"]]
    names = dict(model.named_parameters())
    assert sorted(listed) == sorted(map(id, names.values()))
    spared = {name for name, parameter in names.items() if decay[id(parameter)] == 0}
    assert spared == {
        f"{path}.{name}" for path, module in attention_modules(model).items() for name in attention.no_decay(module)
    }
    assert {decay[id(names[name])] for name in names.keys() - spared} == {train["weight_decay"]}
    block = "backbone.layer1.0.attention"
    assert {f"{block}_after_conv2_sge.{name}" for name in ("weight", "bias")} <= spared
    assert f"{block}_before_add_cbam.identity_scale" in spared
    assert f"{block}_before_add_se.squeeze.weight" not in spared
    assert "backbone.bn1.weight" not in spared


def test_groups_differ_in_decay_alone() -> None:
    _, found = groups(tiny.study({"x": {"attention": EVERY}}), "x")
    assert len(found) == 2
    differing = {key for key in found[0] if key != "params" and found[0][key] != found[1][key]}
    assert differing == {"weight_decay"}


def test_a_baseline_has_one_group() -> None:
    model, found = groups(tiny.study(), "baseline")
    assert [len(group["params"]) for group in found] == [len(list(model.parameters()))]


def test_a_configured_bias_decay_stays() -> None:
    """MMEngine's own `paramwise_cfg` makes a group of each parameter; gates are spared in those too."""
    overrides = {"optim_wrapper.paramwise_cfg": {"bias_lr_mult": 2.0}}
    study = tiny.study({"x": {"attention": EVERY, "overrides": overrides}}, train={"lr": 0.01, "lr_batch": 2})
    model, found = groups(study, "x")
    of = {id(parameter): group for group in found for parameter in group["params"]}
    assert len(of) == len(list(model.parameters()))
    rates = {name: of[id(parameter)]["lr"] for name, parameter in model.named_parameters()}
    assert rates["neck.lateral_convs.0.conv.bias"] == 0.02
    assert rates["neck.lateral_convs.0.conv.weight"] == 0.01
    sge = model.backbone.layer1[0].attention_after_conv2_sge
    assert of[id(sge.bias)]["weight_decay"] == of[id(sge.weight)]["weight_decay"] == 0
