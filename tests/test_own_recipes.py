"""Detectors with their own recipe under real DVC: what retrains, and whole studies, interrupted and not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.paths import CellPaths, Paths
from pipeline.records import Plan, Run
from tests.conftest import Project, clone, wait_for
from tests.detector.test_own_config import BASE, MINE

SEED = 0
STUDIES: dict[str, dict[str, Any]] = {
    "rtmdet": {
        "config": "rtmdet/rtmdet_tiny_8xb32-300e_coco", "attention": {"attention": "se", "place": "before_add"},
        "train": {"epochs": 3, "batch_size": 4, "image_size": [128, 128], "warmup_iters": 2},
    },
    "yolox": {
        "config": "yolox/yolox_tiny_8xb8-300e_coco", "attention": {"attention": "cbam", "place": "neck"},
        "train": {"epochs": 3, "batch_size": 4, "image_size": [128, 128]},
    },
    "dino": {
        "config": "dino/dino-4scale_r50_8xb2-12e_coco",
        "attention": {"attention": "eca", "place": "after_stage", "stages": [2, 3, 4]},
        "train": {"epochs": 2, "batch_size": 4, "image_size": [128, 128]},
    },
}  # fmt: skip


def settings(config: str, train: dict[str, Any], variants: dict[str, Any]) -> dict[str, Any]:
    return {
        "detector": {"config": config, "width": "full"},
        "train": {"recipe": "config", "log_interval": 1, **train},
        "variants": {"baseline": {}, **variants},
        "seeds": [SEED],
    }


@pytest.mark.slow
def test_an_edit_of_a_base_file_retrains_and_of_a_comment_does_not(tmp_path: Path) -> None:
    project = clone(tmp_path / "project")
    configs = project.root / "configs"
    (configs / "base.py").write_text(BASE)
    (configs / "mine.py").write_text(MINE)
    project.params(**settings("configs/mine.py", {"warmup_iters": 2, "epochs": 1}, {}))
    project.dvc("repro", "plan")
    plan = Paths(project.root).plan("baseline")
    first = Plan.read(plan).digest
    for text, changes in ((f"# a comment\n{BASE}", False), (BASE.replace("scale=(96, 64)", "scale=(64, 64)"), True)):
        (configs / "base.py").write_text(text)
        assert "Running stage 'plan'" in project.dvc("repro", "plan").stdout
        assert (Plan.read(plan).digest != first) == changes


DIM = """
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

@TRANSFORMS.register_module()
class Dim(BaseTransform):
    def transform(self, results):
        results["img"] = results["img"] // 2
        return results
"""


@pytest.mark.slow
def test_a_config_of_ones_own_trains_with_what_it_imports(tmp_path: Path) -> None:
    """Every process of a study knows the transform that the config's `custom_imports` registers."""
    project = clone(tmp_path / "project")
    configs = project.root / "configs"
    (project.root / "dim.py").write_text(DIM)
    base = BASE.replace('dict(type="PhotoMetricDistortion")', 'dict(type="PhotoMetricDistortion"), dict(type="Dim")')
    (configs / "base.py").write_text(base)
    (configs / "mine.py").write_text(f'{MINE}custom_imports = dict(imports=["dim"], allow_failed_imports=False)\n')
    project.params(**settings("configs/mine.py", {"warmup_iters": 2, "epochs": 1}, {}))
    project.dvc("repro", "train@baseline-0", "cost")
    cell = CellPaths(Paths(project.root).run("baseline", SEED))
    assert Run.read(cell.run).state == "done"
    assert "dim.py" in Plan.read(Paths(project.root).plan("baseline")).code
    (configs / "base.py").write_text(f"# a comment\n{base}")
    assert "Running stage 'train@baseline-0'" not in project.dvc("repro", "train@baseline-0").stdout
    (configs / "base.py").write_text(base.replace("scale=(96, 64)", "scale=(64, 64)"))
    assert "Running stage 'train@baseline-0'" in project.dvc("repro", "train@baseline-0").stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_with_the_detectors_own_recipe(name: str, tmp_path: Path) -> None:
    """Through every stage; a cell that is killed after an epoch ends with the same numbers."""
    study = STUDIES[name]
    project, killed = clone(tmp_path / "whole"), clone(tmp_path / "killed")
    for one in (project, killed):
        one.params(**settings(study["config"], study["train"], {"with_attention": study["attention"]}))
    project.dvc("repro")
    for variant in ("baseline", "with_attention"):
        run = Run.read(CellPaths(Paths(project.root).run(variant, SEED)).run)
        assert (run.state, run.averaged) == ("done", name != "dino")
    assert (project.root / "reports/ablation.md").is_file()
    killed.dvc("repro", "plan")
    kill_after_an_epoch(killed)
    killed.dvc("repro", "train@baseline-0")
    ends = [CellPaths(Paths(one.root).run("baseline", SEED)) for one in (project, killed)]
    assert ends[0].predictions.read_bytes() == ends[1].predictions.read_bytes()
    assert Run.read(ends[1].run).resumed_from is not None


def kill_after_an_epoch(project: Project) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "train", "baseline", str(SEED)], cwd=project.root,
        env=project.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: list((project.root / "scratch").glob("*/epoch_1.pth")) or process.poll() is not None, 600)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
