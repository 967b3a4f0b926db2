"""The benchmarks beside MMDetection's tools: what they take away, what they read, and that they run or refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.clones import iteration_seconds
from benchmarks.stock import without_ours
from pipeline.detector.config import resolve
from tests import made
from tests.conftest import ROOT
from tests.detector import tiny

LOG = """
2026/11/25 17:00:00 - mmengine - INFO - Epoch(train) [1][10/20]  lr: 1e-03  eta: 0:00:12  time: 9.9000  data_time: 0.1
2026/11/25 17:00:01 - mmengine - INFO - Epoch(train) [2][10/20]  lr: 1e-03  eta: 0:00:08  time: 0.9000  data_time: 0.1
2026/11/25 17:00:02 - mmengine - INFO - Epoch(train) [2][20/20]  lr: 1e-03  eta: 0:00:04  time: 0.3000  data_time: 0.1
2026/11/25 17:00:03 - mmengine - INFO - Epoch(train) [3][20/20]  lr: 1e-03  eta: 0:00:00  time: 0.5000  data_time: 0.1
2026/11/25 17:00:04 - mmengine - INFO - Epoch(val) [3][6/6]    time: 7.0000
"""


def test_an_iteration_is_the_mean_of_the_epochs_past_the_first() -> None:
    assert iteration_seconds(LOG) == 0.4
    with pytest.raises(SystemExit, match="nothing was timed"):
        iteration_seconds(LOG.splitlines()[1])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_stock_side_has_nothing_of_this_project(optimizer: str) -> None:
    """Model, batch, pictures and schedule are left as they are planned."""
    train = {"optimizer": optimizer, "channels_last": True, "fused": True}
    study = tiny.study({"se": {"attention": "se"}}, train=train)
    planned, stock = (resolve(study, "baseline", made.manifest()) for _ in range(2))
    stock = without_ours(stock)
    names = ("SharedDraws", "Passes", "CommonRandom", "History", "ChannelsLast", "Atomic", "NoGateDecay", "EqualSizes")
    assert not [name for name in (*names, "pipeline.") if name in stock.pretty_text]
    for key in ("model", "param_scheduler", "train_cfg", "resources"):
        assert stock[key] == planned[key]
    for key in ("batch_size", "batch_sampler", "num_workers"):
        assert stock.train_dataloader[key] == planned.train_dataloader[key]
    assert stock.train_dataloader.dataset.pipeline == planned.train_dataloader.dataset.pipeline
    with pytest.raises(ValueError, match="no attention of this project's"):
        without_ours(resolve(study, "se", made.manifest()))


def test_without_a_gpu_the_benchmark_refuses_in_a_sentence(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        gpu.main()


@pytest.mark.slow
@pytest.mark.parametrize("part", gpu.PARTS)
def test_the_benchmark_runs_at_a_tiny_size_on_a_cpu(part: str) -> None:
    options = {"device": "cpu", "width": "thin", "images": 8, "batch": 2, "workers": 0, "seconds": 0.01, "only": "se"}
    small = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", part, "--size", "96", "64", *small]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    print(ran.stdout)
    rows = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert any(character.isdigit() for character in rows[-1])
