"""Pretrained weights load in full beside any attention, or training is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from torch import Tensor

from pipeline.common.errors import UserError
from pipeline.detector import weights
from pipeline.detector.config import resolve

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


def backbone(path: Path) -> Any:
    attention = [{"name": "cbam", "place": place} for place in PLACES]
    config = resolve(tiny.study({"x": {"attention": attention}}, weights=str(path)), "x")
    return tiny.build(config).backbone


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Any:
    """A checkpoint, its content, and a backbone with attention that was initialised from it."""
    path = tmp_path_factory.mktemp("weights") / "resnet.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return path, checkpoint(path), backbone(path)


def test_all_that_is_not_attention_is_the_checkpoints(given: Any) -> None:
    path, content, model = given
    state = model.state_dict()
    rest = tiny.shared(state)
    assert {key for key in content if not key.startswith("fc.")} == rest.keys()
    assert all(torch.equal(value, content[key]) for key, value in rest.items())
    record = weights.loaded(model, path, "0" * 64)
    attention = {key for key in state.keys() - rest.keys() if not key.endswith("num_batches_tracked")}
    assert record == {
        "file": "resnet.pth",
        "sha256": "0" * 64,
        "loaded": len(rest),
        "missing": sorted(attention),
        "unexpected": [],
    }


def test_the_attention_keeps_its_own_start(given: Any) -> None:
    norms = [module.norm.weight for module in given[2].modules() if type(module).__name__ == "CBAM"]
    assert len(norms) == 2 * 16 + 4
    assert not any(norm.any() for norm in norms)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layer1.0.conv1.weight": None}, "lacks 1 keys of the backbone, e.g. 'layer1.0.conv1.weight'"),
        ({"layer9.weight": torch.zeros(1)}, "has unknown 1 keys of the backbone, e.g. 'layer9.weight'"),
        ({"bn1.bias": torch.zeros(16)}, "was not loaded into 1 keys of the backbone, e.g. 'bn1.bias'"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "was not loaded into 1 keys of the backbone, e.g. 'conv1.weight'"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    other = tmp_path / "other.pth"
    checkpoint(other, change)
    with pytest.raises(UserError) as error:
        weights.loaded(given[2], other, "0" * 64)
    assert str(error.value) == f"detector.weights: other.pth {words}"


def test_a_file_is_checked_by_its_digest(given: Any) -> None:
    path = given[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.fetch(str(path), digest) == weights.fetch(str(path), None) == (path, digest)
    with pytest.raises(UserError, match=f"has sha256 {digest}; detector.weights_sha256 says {'a' * 64}"):
        weights.fetch(str(path), "a" * 64)


def test_a_url_is_fetched_once(given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "far.pth"
    source.write_bytes(given[0].read_bytes())
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    first = weights.fetch(source.as_uri(), digest)
    source.unlink()
    assert weights.fetch(source.as_uri(), digest) == first
    assert first == (Path(f"scratch/weights/{digest}-far.pth"), digest)
    with pytest.raises(UserError, match=r"cannot be fetched .* a local path works without a network"):
        weights.fetch(source.as_uri(), "a" * 64)
    assert [path.name for path in Path("scratch/weights").iterdir()] == [f"{digest}-far.pth"]


@pytest.mark.parametrize(("source", "words"), [("no.pth", "no.pth: no such file"), ("s3://a/b.pth", "allowed: a path")])
def test_a_source_that_is_none(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        weights.fetch(source, None)
