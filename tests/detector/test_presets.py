"""The presets are real studies: the article's ten modules in its forms, here at thin size on small pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from ruamel.yaml import YAML

from pipeline import dataset
from pipeline.commands import presets
from pipeline.common.errors import UserError
from pipeline.common.files import read_json
from pipeline.common.paths import CellPaths
from pipeline.detector.config import resolve
from pipeline.detector.cost import attention_parameters
from pipeline.detector.placement import attention_modules
from pipeline.detector.train import train
from pipeline.study import Study, load
from pipeline.study.code import ROOT

from . import tiny

BCCD = ROOT.parent / "shared/data/bccd"
SETS: dict[str, dict[str, Any]] = {
    "roadmarks": {"source": "roadmarks", "train": 4, "val": 2, "size": list(tiny.SIZE)},
    "bccd": {
        "source": "coco",
        "origin": str(BCCD / "annotations"),
        "images": str(BCCD / "images"),
        "train": "instances_train.json",
        "val": "instances_val.json",
    },
}
SMALL = {
    "detector": {"width": "thin", "weights": None, "weights_sha256": None},
    "train": {"image_size": list(tiny.SIZE), "batch_size": 2, "epochs": 1, "milestones": [], "workers": 0,
              "warmup_iters": 0, "device": "cpu", "threads": 1, "precision": "fp32", "log_interval": 1},
}  # fmt: skip
FEW = {"train_dataloader.dataset.indices": 8, "test_dataloader.dataset.indices": 4}
ARTICLE = load(presets.FOLDER / "article.yaml")
FORMS = ["se", "cbam", "bam", "eca", "shuffle", "polarized", "polarized", "sge", "coordinate", "gam"]


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Study]]:
    """The article's preset at thin size, in a project of its own for each data set, prepared once."""
    made: dict[str, tuple[Path, Study]] = {}

    def make(data: str) -> tuple[Path, Study]:
        if data == "bccd" and not BCCD.is_dir():
            pytest.skip("../shared/data/bccd is not beside the project")
        if data not in made:
            root, yaml = tmp_path_factory.mktemp(data), YAML(typ="safe")
            content = yaml.load(presets.FOLDER / "article.yaml")
            content["dataset"] = SETS[data]
            for section, values in SMALL.items():
                content[section] |= values
            content["detector"]["overrides"] = FEW
            yaml.dump(content, root / "params.yaml")
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(root)
                study = load("params.yaml")
                dataset.prepare(study.dataset, Path("data/coco"))
            made[data] = root, study
        return made[data]

    return make


def test_the_article_is_ten_modules_in_its_own_forms_and_a_baseline() -> None:
    assert next(iter(ARTICLE.variants)) == ARTICLE.evaluation.baseline == "baseline"
    assert not ARTICLE.variants["baseline"].attention
    modules = [insertion for variant in ARTICLE.variants.values() for insertion in variant.attention]
    assert [module.name for module in modules] == FORMS
    assert {module.options["form"] for module in modules} == {"article"}
    assert {module.options["mode"] for module in modules if module.name == "polarized"} == {"parallel", "sequential"}


@pytest.mark.parametrize("name", presets.names())
def test_a_full_preset_keeps_its_parameter_budget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load(presets.FOLDER / f"{name}.yaml")
    for variant, content in study.variants.items():
        count = attention_parameters(resolve(study, variant).to_dict())
        assert count <= study.detector.parameter_budget, variant
        learning = [insertion for insertion in content.attention if insertion.name != "simam"]  # SimAM has no parameter
        assert bool(count) == bool(learning), variant


def test_gam_before_the_addition_breaks_the_budget_with_its_count() -> None:
    """GAM on C channels, h = C / 4: 2 C h + h + C, then 2 x 49 C h + h + C and two norms of h and C."""
    content = ARTICLE.model_dump(by_alias=True)
    content["detector"] |= {"weights": None, "weights_sha256": None}
    content["variants"]["gam"]["attention"][0]["place"] = "before_add"
    blocks = {256: 3, 512: 4, 1024: 6, 2048: 3}
    count = sum(n * (2 * 50 * c * (c // 4) + 4 * (c // 4 + c)) for c, n in blocks.items())
    assert count > 500_000_000
    with pytest.raises(UserError) as error:
        tiny.plan(Study.model_validate(content), "gam")
    assert f"variants.gam: its attention adds {count:,} parameters" in str(error.value)
    assert "detector.parameter_budget allows 60,000,000" in str(error.value)


@pytest.mark.parametrize(
    ("variant", "data"),
    [
        *((variant, "roadmarks") for variant in ARTICLE.variants),
        *((variant, "bccd") for variant in ("baseline", "cbam")),
    ],
)
def test_each_variant_of_the_article_trains_a_step(
    variant: str, data: str, article: Callable[..., tuple[Path, Study]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, study = article(data)
    monkeypatch.chdir(root)
    config = resolve(study, variant)
    model = tiny.build(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batch = next(iter(Runner.build_dataloader(config.train_dataloader, seed=0)))
    model.train()
    loss = tiny.loss_of(model, batch)
    build_optim_wrapper(model, config.optim_wrapper).update_params(loss)
    assert loss.isfinite()
    inserted = attention_modules(model)
    assert len(inserted) == (0 if variant == "baseline" else 16)
    state = model.state_dict()
    assert all(value.isfinite().all() for value in state.values())
    assert any(not torch.equal(state[key], before[key]) for key in state)
    assert model.roi_head.bbox_head.num_classes == {"roadmarks": 5, "bccd": 3}[data]


@pytest.mark.slow
@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("variant", ARTICLE.variants)
def test_each_variant_of_the_article_runs(
    variant: str, data: str, article: Callable[..., tuple[Path, Study]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root, study = article(data)
    monkeypatch.chdir(root)
    train(tiny.plan(study, variant), 0, "e" * 64, CellPaths(tmp_path))
    run = read_json(tmp_path / "run.json")
    assert run["state"] == "done"
    assert run["steps"] == {"roadmarks": 2, "bccd": 4}[data]
    assert read_json(tmp_path / "predictions.json.gz") is not None
