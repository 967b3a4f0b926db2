"""MMDetection's own tools/train.py trains a dumped config to the very weights of a cell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mmdet
import torch

from pipeline.common.paths import CellPaths
from pipeline.detector.config import resolve
from pipeline.detector.train import train
from pipeline.study.code import ROOT

from . import tiny

TOOL = Path(mmdet.__file__).parent / ".mim/tools/train.py"


def test_a_dumped_config_trains_alike(project: Path, tmp_path: Path) -> None:
    attention = [{"name": "cbam"}, {"name": "se", "place": "neck"}]
    study = tiny.study({"x": {"attention": attention}}, train={"epochs": 2, "warmup_iters": 3, "val_interval": 1})
    resolve(study, "x").dump(tmp_path / "x.py")
    folder = tmp_path / "stock"
    command = [sys.executable, str(TOOL), str(tmp_path / "x.py"), "--work-dir", str(folder)]
    stock = subprocess.run(
        [*command, "--cfg-options", "randomness.seed=3"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stock.returncode == 0, stock.stderr[-2000:]
    train(tiny.plan(study, "x"), 3, "d" * 64, CellPaths(tmp_path / "ours"))
    theirs = torch.load(folder / "epoch_2.pth", map_location="cpu", weights_only=False)["state_dict"]
    ours = torch.load(tmp_path / "ours/checkpoint.pth", map_location="cpu", weights_only=True)["state_dict"]
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(value, ours[key]) for key, value in theirs.items())
    assert "val/AP" in (tmp_path / "ours/history.csv").read_text()
