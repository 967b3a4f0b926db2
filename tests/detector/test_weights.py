"""Pretrained weights load in full beside any attention, or training is refused."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from safetensors.torch import save_file
from torch import Tensor

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256
from pipeline.detector import weights
from pipeline.detector.config import resolve
from pipeline.records.plan import Weights

from . import tiny

PLACES = ("after_conv1", "before_add", "after_stage")


def checkpoint(path: Path, change: dict[str, Tensor | None] | None = None) -> dict[str, Tensor]:
    """A backbone's state dict with arbitrary values and a classifier, as ImageNet training leaves it."""
    plain = MODELS.build(resolve(tiny.study(), "baseline").model.backbone)
    tiny.stir(plain)
    state = {**plain.state_dict(), "fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    for key, value in (change or {}).items():
        state = {**state, key: value} if value is not None else {k: v for k, v in state.items() if k != key}
    torch.save({"state_dict": state}, path)
    return state


def resolved(path: Path) -> Any:
    attention = [{"name": "cbam", "place": place} for place in PLACES]
    return resolve(tiny.study({"x": {"attention": attention}}, weights=str(path)), "x")


@dataclass
class Given:
    """A checkpoint, its content, what a plan says of it, and a backbone with attention that started from it."""

    path: Path
    content: dict[str, Tensor]
    planned: Weights
    backbone: Any


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Given:
    path = tmp_path_factory.mktemp("weights") / "resnet.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        content, config = checkpoint(path), resolved(path)
        planned = weights.read(str(path), None).planned(config.to_dict())
        config.model.backbone.init_cfg.checkpoint = str(weights.local(planned))
        return Given(path, content, planned, tiny.build(config).backbone)


def test_all_that_is_not_attention_is_the_checkpoints(given: Given) -> None:
    state = given.backbone.state_dict()
    rest = tiny.shared(state)
    assert {key for key in given.content if not key.startswith("fc.")} == rest.keys()
    assert all(torch.equal(value, given.content[key]) for key, value in rest.items())
    attention = {key for key in state.keys() - rest.keys() if not key.endswith("num_batches_tracked")}
    assert weights.loaded(given.backbone, given.planned).model_dump() == {
        "file": "resnet.pth",
        "sha256": file_sha256(given.path),
        "loaded": len(rest),
        "missing": sorted(attention),
        "unexpected": [],
    }


def test_the_attention_keeps_its_own_start(given: Given) -> None:
    norms = [module.norm.weight for module in given.backbone.modules() if type(module).__name__ == "CBAM"]
    assert len(norms) == 2 * 16 + 4
    assert not any(norm.any() for norm in norms)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layer1.0.conv1.weight": None}, "lacks 1 keys of the backbone, e.g. 'layer1.0.conv1.weight'"),
        ({"layer9.weight": torch.zeros(1)}, "has unknown 1 keys of the backbone, e.g. 'layer9.weight'"),
        (
            {"conv1.weight": torch.zeros(64, 3, 7, 7)},
            "has another shape of 1 keys of the backbone, e.g. 'conv1.weight'; give weights of this ResNet",
        ),
        ({"bn1.bias": torch.full((16,), torch.nan)}, "'bn1.bias' holds NaN or infinity"),
        ({"bn1.bias": torch.zeros(16).to_sparse()}, "'bn1.bias' is no dense tensor"),
        ({"bn1.bias": 3}, "'bn1.bias' is no dense tensor"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_plan(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "other.pth"
    checkpoint(path, change)
    with pytest.raises(UserError) as error:
        weights.read(str(path), None).planned(resolved(path).to_dict())
    assert str(error.value).startswith(f"detector.weights: {path}")
    assert words in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 nor an archive", b"\x80\x02}q\x00."])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"detector.weights: {path}: (damaged|holds no tensors)"):
        weights.read(str(path), None)


def test_weights_that_something_else_replaced(given: Given) -> None:
    """As an override's `init_cfg` of another part would: the values are compared, not the file's name."""
    other = copy.deepcopy(given.backbone)
    with torch.no_grad():
        other.bn1.bias.add_(1)
    with pytest.raises(UserError, match=r"resnet\.pth was not loaded into 1 keys of the backbone, e\.g\. 'bn1\.bias'"):
        weights.loaded(other, given.planned)


def test_safetensors_and_prefixes_are_the_same_weights(given: Given, tmp_path: Path) -> None:
    flat, classifier = tmp_path / "weights.safetensors", tmp_path / "classifier.pth"
    save_file({key: value.contiguous() for key, value in given.content.items()}, flat)
    torch.save({"state_dict": {f"module.backbone.{key}": value for key, value in given.content.items()}}, classifier)
    for path in (flat, classifier):
        assert weights.read(str(path), None).kept == given.planned.tensors


def test_what_scratch_lost_or_damaged_is_made_again(given: Given) -> None:
    kept = weights.local(given.planned)
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert weights.local(given.planned).read_bytes() == content
    kept.unlink()
    assert weights.local(given.planned).read_bytes() == content


def test_a_source_that_changed_after_the_plan(given: Given, tmp_path: Path) -> None:
    path = tmp_path / "resnet.pth"
    checkpoint(path, {"bn1.bias": torch.zeros(16)})
    planned = weights.read(str(path), None).planned(resolved(path).to_dict())
    weights.local(planned).unlink()
    checkpoint(path)
    with pytest.raises(UserError, match=r"has sha256 .* it was exchanged or damaged"):
        weights.local(planned)
