"""Weights of Swin and PVT by the names of their publication load to what MMDetection's own conversion makes of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from torch import Tensor

from pipeline.common.errors import UserError
from pipeline.detector import weights
from pipeline.detector.imports import import_named
from pipeline.detector.published import fitted, load_as_others_do

from . import tiny

BACKBONES: dict[str, dict[str, Any]] = {
    "swin": dict(
        type="SwinTransformer", embed_dims=8, depths=[1, 2, 1, 1], num_heads=[1, 2, 4, 8], convert_weights=True
    ),
    "pvt": dict(type="PyramidVisionTransformer", embed_dims=8, num_layers=[1, 1, 1, 1], pretrain_img_size=32),
    "pvt2": dict(type="PyramidVisionTransformerV2", embed_dims=8, num_layers=[1, 1, 1, 1], pretrain_img_size=32),
}  # fmt: skip
# Names in https://github.com/microsoft/Swin-Transformer, models/swin_transformer.py
SWIN = {
    "stages": "layers", "attn.w_msa": "attn", "ffn.layers.0.0": "mlp.fc1", "ffn.layers.1": "mlp.fc2",
    "projection": "proj",
}  # fmt: skip
# Names in https://github.com/whai362/PVT, classification/pvt.py and pvt_v2.py
PVT = {
    "attn.attn.out_proj": "attn.proj", "ffn.layers.0": "mlp.fc1", "ffn.layers.1": "mlp.dwconv.dwconv",
    "ffn.layers.3": "mlp.fc2", "ffn.layers.4": "mlp.fc2",
}  # fmt: skip


def published(kind: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A backbone's state as its authors' code names it, with the parts that a classifier has."""
    if kind == "swin":
        named = {_renamed(key, SWIN): value for key, value in state.items() if not re.match(r"norm\d", key)}
        classifier = {"norm.weight": torch.ones(64), "norm.bias": torch.zeros(64), "head.weight": torch.zeros(10, 64)}
        return {**named, **classifier, "layers.0.blocks.1.attn_mask": torch.zeros(64, 49, 49)}
    return dict(pair for key, value in state.items() for pair in _of_pvt(key, value, positions=kind == "pvt"))


def _renamed(key: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        key = key.replace(ours, theirs)
    return key


def _of_pvt(key: str, value: Tensor, positions: bool) -> list[tuple[str, Tensor]]:
    """What a key is there: one name, or two where queries stand apart from keys and values."""
    _, stage, part, rest = key.split(".", 3)
    number = int(stage) + 1
    if part == "0":
        return [(f"patch_embed{number}.{rest.replace('projection', 'proj')}", value)]
    if part == "2":
        return [(f"norm{number}.{rest}", value)]
    block, rest = rest.split(".", 1)
    if rest == "pos_embed":
        return [(f"pos_embed{number}", value)]
    name = f"block{number}.{int(block) - positions}.{rest}"
    if "in_proj_" in name:
        width = len(value) // 3
        name = name.replace("attn.attn.in_proj_", "attn.{}.")
        return [(name.format("q"), value[:width]), (name.format("kv"), value[width:])]
    name = _renamed(name, PVT)
    return [(name, value.flatten(1) if re.search(r"fc\d\.weight", name) else value)]


def kept(path: Path, backbone: dict[str, Any]) -> tuple[weights.Pretrained, Config]:
    config = Config(dict(model=dict(backbone=dict(backbone)), custom_imports=dict(imports=[])))
    load_as_others_do(config)
    import_named(config)
    return fitted(weights.read(str(path), None), config.to_dict()), config


@pytest.mark.parametrize("kind", BACKBONES)
def test_what_was_published_loads_as_mmdetection_converts_it(kind: str, tmp_path: Path) -> None:
    torch.save({"model": published(kind, stirred(kind))}, tmp_path / "published.pth")
    theirs = dict(BACKBONES[kind], init_cfg=dict(type="Pretrained", checkpoint=str(tmp_path / "published.pth")))
    oracle = MODELS.build(ConfigDict(theirs))
    oracle.init_weights()
    assert differing(loaded(tmp_path / "published.pth", kind), oracle.state_dict()) == []


@pytest.mark.parametrize("kind", BACKBONES)
def test_what_mmdetection_names_already_loads_as_it_is(kind: str, tmp_path: Path) -> None:
    state = stirred(kind)
    torch.save({"state_dict": state}, tmp_path / "converted.pth")
    assert differing(loaded(tmp_path / "converted.pth", kind), state) == []


def stirred(kind: str) -> dict[str, Tensor]:
    plain = MODELS.build(ConfigDict(BACKBONES[kind]))
    tiny.stir(plain)
    state: dict[str, Tensor] = plain.state_dict()
    return state


def loaded(path: Path, kind: str) -> dict[str, Tensor]:
    """The state of a backbone that started from the file, as a cell starts it from the plan's weights."""
    given, config = kept(path, BACKBONES[kind])
    planned = given.planned(config.to_dict())
    config.model.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(weights.local(planned)))
    backbone = MODELS.build(config.model.backbone)
    backbone.init_weights()
    weights.loaded(backbone, planned)
    state: dict[str, Tensor] = backbone.state_dict()
    return state


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    return [key for key in one.keys() | other.keys() if not torch.equal(one[key], other[key])]


def test_offsets_of_deformable_convolutions_start_at_0(tmp_path: Path) -> None:
    resnet: dict[str, Any] = dict(type="ResNet", depth=50, base_channels=4)
    deformable = dict(resnet, dcn=dict(type="DCNv2", deform_groups=1), stage_with_dcn=[False, False, False, True])
    torch.save(MODELS.build(ConfigDict(resnet)).state_dict(), tmp_path / "resnet.pth")
    given, config = kept(tmp_path / "resnet.pth", deformable)
    given.planned(config.to_dict())
    offsets = [value for key, value in given.state.items() if "conv_offset" in key]
    assert len(offsets) == 2 * 3
    assert not any(value.any() for value in offsets)


def test_weights_that_fit_are_left_alone(tmp_path: Path) -> None:
    resnet: dict[str, Any] = dict(type="ResNet", depth=18, base_channels=8)
    torch.save(MODELS.build(ConfigDict(resnet)).state_dict(), tmp_path / "resnet.pth")
    given = weights.read(str(tmp_path / "resnet.pth"), None)
    assert fitted(given, {"model": {"backbone": resnet}}) is given


def test_weights_of_another_transformer_are_refused(tmp_path: Path) -> None:
    plain = MODELS.build(ConfigDict(BACKBONES["swin"]))
    torch.save(published("swin", plain.state_dict()), tmp_path / "swin.pth")
    given, config = kept(tmp_path / "swin.pth", BACKBONES["pvt2"])
    with pytest.raises(UserError, match="lacks"):
        given.planned(config.to_dict())
