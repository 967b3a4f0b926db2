"""A config file of one's own, classic or pure Python, with its own recipe; what it inherits from must be watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmdet.registry import MODELS

from pipeline.common.errors import UserError
from pipeline.common.files import digest
from pipeline.detector.config import resolve
from pipeline.detector.config.check import checked

from . import tiny

BASE = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(96, 64), keep_ratio=True),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
"""
MINE = """
_base_ = "base.py"
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=0.0003, weight_decay=0.05))
"""
PURE = """
from mmengine.config import read_base
from mmdet.models import FasterRCNN
from torch.optim import AdamW

with read_base():
    from .parts import *

model.update(dict(type=FasterRCNN))
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type=AdamW, lr=0.0003, weight_decay=0.05))
"""


@pytest.fixture(autouse=True)
def configs(project: Path) -> Iterator[Path]:
    folder = project / "configs"
    folder.mkdir(exist_ok=True)
    (folder / "base.py").write_text(BASE)
    (folder / "mine.py").write_text(MINE)
    yield folder
    for file in folder.iterdir():
        file.unlink()


def own(name: str = "configs/mine.py", recipe: str = "config", **train: Any) -> Any:
    study = tiny.study(config=name, width="full", overrides={})
    content = study.model_dump(by_alias=True, exclude_unset=True)
    content["train"] = {"recipe": recipe, "log_interval": 1, **train}
    return type(study).model_validate(content)


def test_its_own_recipe_is_kept() -> None:
    config = checked(own(warmup_iters=1), "baseline")
    assert (config.optim_wrapper.optimizer.type, config.optim_wrapper.optimizer.lr) == ("AdamW", 0.0003)
    transforms = [part.type for part in config.train_dataloader.dataset.pipeline]
    assert "PhotoMetricDistortion" in transforms
    assert config.train_dataloader.dataset.ann_file == "data/coco/train.json"
    assert config.train_cfg.max_epochs == 12


def test_a_pure_python_config_resolves_to_the_same_names(configs: Path) -> None:
    classic = resolve(own(), "baseline").to_dict()
    parts = [f"{key} = {classic[key]!r}" for key in ("train_dataloader", "test_dataloader", "train_cfg")]
    parts += [f"param_scheduler = {classic['param_scheduler']!r}", f"model = {classic['model']!r}"]
    text = "\n".join(parts)
    for ours, theirs in (("SharedDrawsDataset", "CocoDataset"), ("PassesDefaultSampler", "DefaultSampler")):
        text = text.replace(ours, theirs)
    (configs / "parts.py").write_text(text)
    (configs / "pure.py").write_text(PURE)
    pure = resolve(own("configs/pure.py"), "baseline")
    assert pure.model.type == "FasterRCNN"
    assert pure.optim_wrapper.optimizer.type == "AdamW"
    assert (
        MODELS.build(pure.model).state_dict().keys()
        == MODELS.build(resolve(own(), "baseline").model).state_dict().keys()
    )


def test_an_edit_of_its_base_changes_the_plan_and_a_comment_does_not(configs: Path) -> None:
    before = digest(resolve(own(), "baseline").to_dict())
    (configs / "base.py").write_text(f"# a comment\n{BASE}")
    assert digest(resolve(own(), "baseline").to_dict()) == before
    (configs / "base.py").write_text(BASE.replace("PhotoMetricDistortion", "YOLOXHSVRandomAug"))
    assert digest(resolve(own(), "baseline").to_dict()) != before


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("configs/mine.py", '_base_ = "../elsewhere.py"', "elsewhere.py lies outside configs/"),
        ("configs/mine.py", '_base_ = ["base.py", "none.py"]', "none.py: no such file"),
        ("configs/mine.py", "model = dict(", "line 1: '(' was never closed"),
        ("configs/mine.py", "model = 1 / 0", "does not load: ZeroDivisionError: division by zero"),
        ("configs/mine.py", '_base_ = "mmdet::faster_rcnn/none.py"', "it needs the file faster_rcnn/none.py, which is"),
        ("configs/mine.py", "labels = open('labels.txt')", "it needs the file labels.txt, which is not there"),
        ("elsewhere.py", "", "elsewhere.py lies outside configs/"),
    ],
)
def test_a_file_that_cannot_be_used(project: Path, file: str, text: str, words: str) -> None:
    (project / "elsewhere.py").write_text("a = 1\n")
    (project / file).write_text(text)
    with pytest.raises(UserError) as error:
        resolve(own(file), "baseline")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_code_that_it_imports_counts(configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the user's own is digested in the plan, or stands there with its version if it is installed."""
    (configs / "mine.py").write_text(
        f'{MINE}custom_imports = dict(imports=["rich.text"], allow_failed_imports=False)\n'
    )
    code = tiny.plan(own(warmup_iters=1), "baseline").code
    assert "installed: rich" in code
    assert "pipeline/detector/train.py" in code
