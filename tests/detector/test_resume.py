"""Whatever the loop, resumed equals uninterrupted; where weights are averaged, those are what is scored and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import EMAHook

from pipeline.common.paths import CellPaths
from pipeline.detector.train import train
from pipeline.records import Heartbeat, Plan, Run

from . import tiny
from .test_own_recipe import RTMDET, own
from .test_train import history, stop_at, weights

ITERATIONS = """
_base_ = "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=7, val_interval=7)
train_dataloader = dict(sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True))
param_scheduler = [dict(type="MultiStepLR", by_epoch=False, begin=0, end=7, milestones=[5], gamma=0.1)]
"""


@pytest.fixture(scope="module")
def plans(project: Path) -> dict[str, Plan]:
    """RTMDet: epochs, workers that live through them, cached mosaic, EMA, a switch of pipelines.

    Faster R-CNN: seven iterations over four images.
    """
    (project / "configs").mkdir(exist_ok=True)
    (project / "configs/iterations.py").write_text(ITERATIONS)
    short: dict[str, Any] = {"image_size": [96, 96], "batch_size": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return {
            "rtmdet": tiny.plan(own(RTMDET, **short, workers=2, epochs=4, warmup_iters=2), "baseline"),
            "iterations": tiny.plan(own("configs/iterations.py", **short), "baseline"),
        }


@pytest.fixture(scope="module")
def whole(project: Path, plans: dict[str, Plan], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a plan's cell that nothing interrupted, trained when it is first asked for."""

    @cache
    def trained(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(project)
            train(plans[name], 0, "a" * 64, CellPaths(folder))
        return folder

    return trained


@pytest.mark.parametrize(
    ("name", "step", "resumed"), [pytest.param("rtmdet", 7, 3, marks=pytest.mark.slow), ("iterations", 5, 2)]
)
def test_a_resumed_cell_ends_as_an_uninterrupted_one(
    name: str,
    step: int,
    resumed: int,
    plans: dict[str, Plan],
    whole: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    with monkeypatch.context() as patch:
        stop_at(step, patch)
        with pytest.raises(KeyboardInterrupt):
            train(plans[name], 0, "b" * 64, CellPaths(tmp_path))
    train(plans[name], 0, "b" * 64, CellPaths(tmp_path))
    assert (tmp_path / "epoch_1.pth").exists() is False
    one, two = weights(whole(name) / "checkpoint.pth"), weights(tmp_path / "checkpoint.pth")
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    predictions = [(folder / "predictions.json.gz").read_bytes() for folder in (whole(name), tmp_path)]
    assert predictions[0] == predictions[1]
    assert Run.read(tmp_path / "run.json").resumed_from == resumed


def test_a_loop_of_iterations_says_how_far_it_is(whole: Callable[[str], Path]) -> None:
    folder = whole("iterations")
    run = Run.read(folder / "run.json")
    assert (run.epochs, run.steps, run.averaged) == (4, 7, False)
    steps = {(row["epoch"], row["step"]) for row in history(folder) if row["metric"] == "loss"}
    assert steps == {(str((step + 1) // 2), str(step)) for step in range(1, 8)}
    beat = Heartbeat.read(folder / "heartbeat.json")
    assert (beat.epoch, beat.epochs, beat.step, beat.steps) == (4, 4, 7, 7)


@pytest.mark.slow
def test_the_averaged_weights_are_what_is_scored_and_kept(
    plans: dict[str, Plan], whole: Callable[[str], Path], tmp_path: Path, monkeypatch: Any
) -> None:
    """Without the swap the last step's weights and their predictions stand in the files, and they are others."""
    assert Run.read(whole("rtmdet") / "run.json").averaged is True
    averages: list[dict[str, torch.Tensor]] = []
    swap = EMAHook.before_test_epoch

    def watched(hook: EMAHook, runner: Any) -> None:
        averages.append({key: value.clone() for key, value in hook.ema_model.module.state_dict().items()})
        swap(hook, runner)

    with monkeypatch.context() as patch:
        patch.setattr(EMAHook, "before_test_epoch", watched)
        train(plans["rtmdet"], 0, "c" * 64, CellPaths(tmp_path / "swapped"))
    kept = weights(tmp_path / "swapped/checkpoint.pth")
    assert all(torch.equal(value, averages[0][key]) for key, value in kept.items())
    with monkeypatch.context() as patch:
        patch.setattr(EMAHook, "before_test_epoch", lambda hook, runner: None)
        train(plans["rtmdet"], 0, "d" * 64, CellPaths(tmp_path / "raw"))
    raw = weights(tmp_path / "raw/checkpoint.pth")
    assert any(not torch.equal(value, kept[key]) for key, value in raw.items() if value.dtype.is_floating_point)
    scores = [(tmp_path / folder / "predictions.json.gz").read_bytes() for folder in ("swapped", "raw")]
    assert scores[0] != scores[1]
