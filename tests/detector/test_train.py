"""One cell from its plan to its files; interrupted or not, the same numbers; a failure says why."""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config

from pipeline.cells import run as cell
from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256, read_json
from pipeline.common.paths import CellPaths
from pipeline.detector.checkpoints import saved
from pipeline.detector.history import History
from pipeline.detector.train import train
from pipeline.records import Failure, Heartbeat, Plan, Run

from . import tiny
from .test_weights import checkpoint

EPOCHS, PER_EPOCH, SEED = 4, 2, 0
KEPT = ("predictions.json.gz", "checkpoint.pth", "history.csv", "run.json", "DONE", "heartbeat.json", "train.log")
# Pictures are shrunk to three quarters, so that boxes must be scaled back; low scores count too.
STUDY = tiny.study(
    {
        "cbam": {"attention": "cbam", "stages": [2]},
        "loud": {"overrides": {"optim_wrapper.optimizer.lr": 1e12}},
    },
    train={"epochs": EPOCHS, "image_size": (72, 48)},
    overrides={**tiny.R50, "model.test_cfg.rcnn.score_thr": 0.0},
)


@pytest.fixture(scope="module")
def plan(project: Path) -> Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return tiny.plan(STUDY, "cbam")


@pytest.fixture(scope="module")
def whole(project: Path, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cell, trained without a break."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        train(plan, SEED, "a" * 64, CellPaths(folder))
    return folder


@pytest.fixture
def _signals() -> Iterator[None]:
    """A cell makes termination an interruption; the tests' own process keeps its way."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["metric"] != "seconds_per_iter"]


def leaves_nothing_heavy(folder: Path) -> bool:
    """All outputs, and of what resuming needed (optimizer states, MMEngine's folders) nothing."""
    names = {path.name for path in folder.iterdir()}
    return set(KEPT) <= names and not list(saved(folder)) and not any(path.is_dir() for path in folder.iterdir())


def weights(path: Path) -> dict[str, torch.Tensor]:
    content: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return content


def test_a_cell_leaves_what_the_later_stages_read(whole: Path, plan: Plan) -> None:
    assert leaves_nothing_heavy(whole)
    run = Run.read(whole / "run.json")
    state = weights(whole / "checkpoint.pth")
    attention = {key for key in state.keys() - tiny.shared(state).keys() if "running" not in key and "num_" not in key}
    assert run.attention_parameters == sum(state[key].numel() for key in attention)
    assert (run.variant, run.seed, run.state, run.fingerprint) == ("cbam", SEED, "done", "a" * 64)
    assert (run.epochs, run.steps, run.resumed_from) == (EPOCHS, EPOCHS * PER_EPOCH, None)
    assert (run.threads, run.world_size, run.weights, run.device) == (1, 1, None, "cpu")
    assert run.checkpoint_sha256 == file_sha256(whole / "checkpoint.pth")
    assert run.predictions_sha256 == file_sha256(whole / "predictions.json.gz")
    rows = history(whole)
    assert [int(row["step"]) for row in rows if row["metric"] == "loss"] == list(range(1, EPOCHS * PER_EPOCH + 1))
    assert {"loss", "loss_rpn_cls", "loss_rpn_bbox", "loss_cls", "loss_bbox", "acc", "lr"} == {
        row["metric"] for row in rows
    }
    assert {(row["epoch"], row["step"]) for row in rows} == {
        (str(i // PER_EPOCH + 1), str(i + 1)) for i in range(EPOCHS * PER_EPOCH)
    }
    beat = Heartbeat.read(whole / "heartbeat.json")
    assert (beat.state, beat.step, beat.epoch, beat.eta_seconds) == ("done", 8, EPOCHS, 0.0)


def test_detections_are_those_of_mmdetections_own_inference(whole: Path, plan: Plan) -> None:
    """inference_detector reads the picture itself and gives boxes in its own pixels."""
    model = init_detector(Config(plan.mmengine_config()), str(whole / "checkpoint.pth"), device="cpu")
    predictions = read_json(whole / "predictions.json.gz")
    truth = read_json(tiny.PATHS.coco / "val.json")
    names = {category["id"]: number for number, category in enumerate(truth["categories"])}
    assert [p["image_id"] for p in predictions] == sorted(p["image_id"] for p in predictions)
    for picture in truth["images"]:
        found = [p for p in predictions if p["image_id"] == picture["id"]]
        expected = inference_detector(model, str(Path("data/coco/images") / picture["file_name"])).pred_instances
        boxes = torch.tensor([p["bbox"] for p in found])
        boxes[:, 2:] += boxes[:, :2]
        assert len(found) > 5
        assert boxes.max() > 72  # in pixels of the original
        torch.testing.assert_close(boxes, expected.bboxes, atol=1e-4, rtol=1e-5)
        assert [p["score"] for p in found] == [float(str(score)) for score in expected.scores.numpy()]
        assert [names[p["category_id"]] for p in found] == expected.labels.tolist()


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a training after an iteration, as a kill would: nothing gets to finish."""
    write = History.after_train_iter

    def then_stop(self: History, runner: Any, *rest: Any, **named: Any) -> None:
        write(self, runner, *rest, **named)
        if runner.iter + 1 == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(History, "after_train_iter", then_stop)


def test_an_interrupted_cell_ends_as_if_nothing_had_happened(
    whole: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    with monkeypatch.context() as patch:
        stop_at(7, patch)  # in epoch 4
        with pytest.raises(KeyboardInterrupt):
            train(plan, SEED, "b" * 64, CellPaths(tmp_path))
    beat = Heartbeat.read(tmp_path / "heartbeat.json")
    assert beat.epoch == 4
    assert 0 < beat.elapsed < time.monotonic() - began
    beat.model_copy(update={"elapsed": 1000.0}).write(tmp_path / "heartbeat.json")
    kept = [path.name for path in saved(tmp_path)]
    assert kept == ["epoch_3.pth", "epoch_2.pth"]
    broken = tmp_path / "epoch_3.pth"
    broken.write_bytes(broken.read_bytes()[:-1000])
    train(plan, SEED, "b" * 64, CellPaths(tmp_path))
    run = Run.read(tmp_path / "run.json")
    assert run.resumed_from == 2
    assert 1000 < run.seconds < 1000 + time.monotonic() - began  # both sessions
    assert "epoch_3.pth is broken" in (tmp_path / "train.log").read_text()
    assert leaves_nothing_heavy(tmp_path)
    one, two = weights(whole / "checkpoint.pth"), weights(tmp_path / "checkpoint.pth")
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    predicted = [(folder / "predictions.json.gz").read_bytes() for folder in (whole, tmp_path)]
    assert predicted[0] == predicted[1]
    ours = [[{k: v for k, v in row.items() if k != "time"} for row in history(folder)] for folder in (whole, tmp_path)]
    assert ours[0] == ours[1]


@pytest.mark.usefixtures("_signals")
def test_a_loss_that_is_no_number_ends_the_cell() -> None:
    plan = tiny.plan(STUDY, "loud")
    with pytest.raises(cell.CellFailed, match=r"loud seed 0 failed: Diverged: the loss is (nan|inf)"):
        cell.run(plan, 0, tiny.PATHS)
    failure = Failure.read(tiny.scratch(plan, 0).failed)
    assert failure.kind == "diverged"
    assert failure.tail
    assert not tiny.scratch(plan, 0).done.exists()


@pytest.mark.usefixtures("_signals")
def test_pretrained_weights_are_checked_where_they_are_used(tmp_path: Path) -> None:
    path, other = tmp_path / "good.pth", tmp_path / "other.pth"
    checkpoint(path)
    checkpoint(other, {"bn1.bias": torch.zeros(16)})
    digest = file_sha256(path)
    study = tiny.study({"cbam": {"attention": "cbam", "stages": [2]}}, weights=str(path))
    plan = tiny.plan(study, "cbam")
    path.unlink()  # it was read once, when the plan was made
    cell.run(plan, 0, tiny.PATHS)
    loaded = Run.read(tiny.scratch(plan, 0).run).weights
    assert loaded
    assert (loaded.file, loaded.sha256, loaded.unexpected) == ("good.pth", digest, [])
    assert loaded.missing
    assert all("attention_before_add_cbam" in key for key in loaded.missing)
    again = study.model_copy(update={"detector": study.detector.model_copy(update={"weights": str(other)})})
    assert tiny.plan(again, "cbam").digest != plan.digest


def test_a_plan_for_a_gpu_is_refused_without_one(plan: Plan, tmp_path: Path) -> None:
    config = {**plan.config, "resources": {**plan.resources.model_dump(), "device": "cuda"}}
    with pytest.raises(UserError, match=r"train\.device is cuda and torch sees no GPU"):
        train(plan.model_copy(update={"config": config}), SEED, "c" * 64, CellPaths(tmp_path))
