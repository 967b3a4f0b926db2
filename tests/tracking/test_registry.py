"""What the registry is offered, and what it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256
from pipeline.tracking import sync
from pipeline.tracking.registry import best_cell
from pipeline.tracking.sources import read
from tests.detector.hostile import PAYLOADS

from .contents import artifacts, client, one
from .study_tree import Tree

Make = Callable[..., Tree]


def registered(tree: Make, **changes: object) -> Tree:
    study = tree(variants=("baseline", "se", "cbam"))
    for name, value in ({"register": True} | changes).items():
        setattr(study, name, value)
    return study.write()


def test_the_best_supported_variant_and_its_median_seed(tree: Make) -> None:
    study = registered(tree, better=["se", "cbam"])
    assert best_cell(read(study.paths)) == ("cbam", 1)


@pytest.mark.parametrize("changes", [{"claim": "one_seed"}, {"claim": "refused"}, {"better": []}])
def test_nothing_is_best_where_the_evidence_refuses(tree: Make, changes: dict[str, object]) -> None:
    assert best_cell(read(registered(tree, **changes).paths)) is None


def test_a_version_with_its_card_once(tree: Make) -> None:
    study = registered(tree)
    assert sync(study.paths).registered == sync(study.paths).registered == "demo version 1: cbam, seed 1"
    found = client(study.root)
    version = found.get_model_version_by_alias("demo", "best")
    assert len(found.search_model_versions("name = 'demo'")) == 1
    assert version.tags["checkpoint.sha256"] == study.run("cbam", 1).checkpoint_sha256
    assert "better than `baseline` by +0.0200 AP, interval +0.0100 to +0.0300" in version.description
    assert {"model/checkpoint.pth", "model/card.md"} <= set(artifacts(found, one(found, "cell/cbam/1")))


def test_best_is_withdrawn_when_the_evidence_goes(tree: Make) -> None:
    study = registered(tree)
    sync(study.paths)
    study.better = []
    assert sync(study.write().paths).registered is None
    assert client(study.root).get_registered_model("demo").aliases == {}


def test_a_checkpoint_that_is_not_here(tree: Make) -> None:
    study = registered(tree)
    (study.root / "data/runs/cbam/1/checkpoint.pth").unlink()
    with pytest.raises(UserError, match=r"checkpoint\.pth: no such file; `dvc checkout`"):
        sync(study.paths)


def test_a_checkpoint_that_is_not_the_runs(tree: Make) -> None:
    study = registered(tree)
    (study.root / "data/runs/cbam/1/checkpoint.pth").write_bytes(b"else")
    with pytest.raises(
        UserError, match=r"checkpoint\.pth: not the file that run\.json beside it names; `dvc checkout`"
    ):
        sync(study.paths)


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_hostile_checkpoint_is_not_handed_on(tree: Make, tmp_path: Path, kind: str) -> None:
    """As a pulled run may bring it, its digest in run.json and all."""
    make, name = PAYLOADS[kind]
    study, mark = registered(tree), tmp_path / "it_ran"
    path = study.root / "data/runs/cbam/1/checkpoint.pth"
    torch.save({"state_dict": {"w": make(mark)}}, path)
    for file in (path.with_name("run.json"), study.root / "data/evaluation/cells.json"):
        file.write_text(file.read_text().replace(study.run("cbam", 1).checkpoint_sha256, file_sha256(path)))
    with pytest.raises(UserError, match=f"{path}: refused, it holds {name}"):
        sync(study.paths)
    assert not mark.exists()
    assert client(study.root).search_model_versions("name = 'demo'") == []
