"""What the registry is offered, and what it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.common.errors import UserError
from pipeline.tracking import sync
from pipeline.tracking.registry import best_cell
from pipeline.tracking.sources import read

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
    assert best_cell(read(study.root)) == ("cbam", 1)


@pytest.mark.parametrize("changes", [{"claim": "one_seed"}, {"claim": "refused"}, {"better": []}])
def test_nothing_is_best_where_the_evidence_refuses(tree: Make, changes: dict[str, object]) -> None:
    assert best_cell(read(registered(tree, **changes).root)) is None


def test_a_version_with_its_card_once(tree: Make) -> None:
    study = registered(tree)
    assert sync(study.root).registered == sync(study.root).registered == "demo version 1: cbam, seed 1"
    found = client(study.root)
    version = found.get_model_version_by_alias("demo", "best")
    assert len(found.search_model_versions("name = 'demo'")) == 1
    assert version.tags["checkpoint.sha256"] == study.run("cbam", 1)["checkpoint_sha256"]
    assert "better than `baseline` by +0.0200 AP, interval +0.0100 to +0.0300" in version.description
    assert {"model/checkpoint.pth", "model/card.md"} <= set(artifacts(found, one(found, "cell/cbam/1")))


def test_best_is_withdrawn_when_the_evidence_goes(tree: Make) -> None:
    study = registered(tree)
    sync(study.root)
    study.better = []
    assert sync(study.write().root).registered is None
    assert client(study.root).get_registered_model("demo").aliases == {}


def test_a_checkpoint_that_is_not_here(tree: Make) -> None:
    study = registered(tree)
    (study.root / "data/runs/cbam/1/checkpoint.pth").unlink()
    with pytest.raises(UserError, match=r"checkpoint\.pth: no such file; `dvc checkout`"):
        sync(study.root)
