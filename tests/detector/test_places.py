"""Where exactly a place is: blocks, stages and pyramids run by hand, without any hook, give the same numbers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.detector.config import resolve
from pipeline.detector.placement import PREFIX, attention_modules

from . import tiny

OPTIONS: dict[str, dict[str, Any]] = {"se": {"reduction": 4, "bias": True}, "eca": {}, "cbam": {"reduction": 4}}
BACKBONE_PLACES = [
    *[("faster_r50", place) for place in ("after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage")],
    *[("faster_r18", place) for place in ("after_conv1", "after_conv2", "before_add", "after_stage")],
]
Inserted = Mapping[str, list[nn.Module]]  # place -> the modules there, in their order


def pair(*insertions: tuple[str, str, dict[str, Any]], detector: str = "faster_r50", **settings: Any) -> Any:
    """A detector with attention of arbitrary weights and one without, equal in all that they share."""
    attention = [
        {"name": name, "place": place, **index, "options": OPTIONS[name] | index.get("options", {})}
        for name, place, index in insertions
    ]
    study = tiny.study({"x": {"attention": attention}}, detector, **settings)
    model, plain = tiny.build(resolve(study, "x")), MODELS.build(resolve(study, "baseline").model)
    for module in attention_modules(model).values():
        tiny.stir(module)
    plain.load_state_dict(tiny.shared(model.state_dict()))
    return model.eval(), plain.eval()


def at(host: nn.Module, *places: str) -> Inserted:
    found = {
        place: [child for name, child in host.named_children() if name.startswith(f"{PREFIX}{place}_")]
        for place in places
    }
    assert all(found.values())
    return found


def apply(modules: list[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x


def block_by_hand(block: Any, x: Tensor, inserted: Inserted) -> Tensor:
    """A residual block as its paper draws it (He et al., 2015, figures 2 and 5), attention at its places."""
    last = 3 if hasattr(block, "conv3") else 2
    y = x
    for i in range(1, last + 1):
        y = getattr(block, f"bn{i}")(getattr(block, f"conv{i}")(y))
        y = y.relu() if i < last else y
        y = apply(inserted.get(f"after_conv{i}", []), y)
    y = apply(inserted.get("before_add", []), y)
    return (y + (x if block.downsample is None else block.downsample(x))).relu()


@torch.no_grad()
@pytest.mark.parametrize(("detector", "place"), BACKBONE_PLACES)
def test_a_stage_equals_the_same_stage_run_by_hand(detector: str, place: str) -> None:
    model, plain = pair(("se", place, {"stages": [1, 3]}), detector=detector)
    x = torch.rand(2, 16, 12, 8)
    for stage in (1, 2, 3):
        with_it, without = (getattr(part.backbone, f"layer{stage}") for part in (model, plain))
        expected = x
        for i, block in enumerate(without):
            inserted = {} if stage == 2 or place == "after_stage" else at(with_it[i], place)
            expected = block_by_hand(block, expected, inserted)
        if stage != 2 and place == "after_stage":
            expected = apply(at(with_it, place)[place], expected)
        assert torch.equal(with_it(x), expected)
        assert torch.equal(with_it(x), without(x)) == (stage == 2)
        x = expected


@torch.no_grad()
def test_several_modules_apply_in_the_order_given() -> None:
    stages = {"stages": [2]}
    model, plain = pair(
        ("se", "after_stage", stages),
        ("cbam", "before_add", stages),
        ("eca", "before_add", stages),
        ("se", "before_add", stages),
        ("se", "after_conv1", stages),
        ("eca", "after_stage", stages),
        ("se", "after_stage", {**stages, "options": {"reduction": 2}}),
    )
    layer, expected = model.backbone.layer2, torch.rand(2, 64, 12, 8)
    x = expected
    for block, bare in zip(layer, plain.backbone.layer2, strict=False):
        inserted = at(block, "before_add", "after_conv1")
        assert [type(module).__name__ for module in inserted["before_add"]] == ["CBAM", "ECA", "SE"]
        expected = block_by_hand(bare, expected, inserted)
    assert [type(module).__name__ for module in at(layer, "after_stage")["after_stage"]] == ["SE", "ECA", "SE"]
    assert torch.equal(layer(x), apply(at(layer, "after_stage")["after_stage"], expected))


@torch.no_grad()
def test_a_neck_changes_the_chosen_levels_alone() -> None:
    model, plain = pair(("se", "neck", {"levels": [1, 3]}), ("eca", "neck", {"levels": [3]}))
    maps = model.backbone(tiny.image())
    levels, bare = model.neck(maps), plain.neck(maps)
    names = dict(model.neck.named_children())
    expected = list(bare)
    expected[1] = names["attention_neck_se"](bare[1])
    expected[3] = names["attention_neck_eca"](names["attention_neck_se_n2"](bare[3]))
    assert isinstance(levels, tuple)
    assert tiny.equal(list(levels), expected)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_uses_its_own_attention(duplicate: Any) -> None:
    stages = {"stages": [2]}
    model, _ = pair(("se", "after_conv1", stages), ("cbam", "before_add", stages), ("se", "after_stage", stages),
                    ("se", "neck", {}))  # fmt: skip
    before, other = tiny.features(model, tiny.image()), duplicate(model)
    assert tiny.equal(tiny.features(other, tiny.image()), before)
    for name, module in attention_modules(other).items():
        if name.startswith(("backbone.layer2.0.", "backbone.layer2.a", "neck")):
            kept = copy.deepcopy(module.state_dict())
            tiny.stir(module, seed=5)
            assert not tiny.equal(tiny.features(other, tiny.image()), before), f"{name} has no effect"
            module.load_state_dict(kept)
    tiny.stir(other, seed=5)
    assert tiny.equal(tiny.features(model, tiny.image()), before)


def test_norm_eval_stops_the_backbones_norms_and_not_the_attentions() -> None:
    model, _ = pair(("cbam", "before_add", {"stages": [2]}), frozen_stages=0, norm_eval=True)
    norms = {name: module for name, module in model.backbone.named_modules() if isinstance(module, _BatchNorm)}
    before = {name: norm.get_buffer("running_var").clone() for name, norm in norms.items()}
    model.train()
    model.backbone(tiny.image())
    moved = {name for name, norm in norms.items() if not torch.equal(norm.get_buffer("running_var"), before[name])}
    assert moved == {name for name in norms if PREFIX in name} != set()
    assert not any(p.requires_grad for name, p in model.backbone.named_parameters() if name.startswith("conv1"))
    before = {name: norm.get_buffer("running_var").clone() for name, norm in norms.items()}
    model.eval()
    model.backbone(tiny.image())
    assert all(torch.equal(norm.get_buffer("running_var"), before[name]) for name, norm in norms.items())
