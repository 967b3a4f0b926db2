"""What makes training and prediction faster: the same numbers where that is promised, close ones elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from torch import nn

from pipeline.common.files import read_json
from pipeline.common.paths import CellPaths
from pipeline.detector.config import resolve
from pipeline.detector.cost import _model
from pipeline.detector.predict import EqualSizesBatchSampler
from pipeline.detector.train import train

from . import tiny


class Sizes:
    """A data set of which a batch sampler sees sizes alone."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    def get_data_info(self, index: int) -> dict[str, int]:
        width, height = self.sizes[index]
        return {"width": width, "height": height}


class InOrder:
    def __init__(self, dataset: Sizes) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.dataset.sizes)))


def batches(size: int, *sizes: tuple[int, int]) -> list[list[int]]:
    sampler = EqualSizesBatchSampler(InOrder(Sizes(*sizes)), size, drop_last=False)
    assert len(sampler) == len(list(sampler))
    return list(sampler)


def test_only_neighbours_of_one_size_are_predicted_together() -> None:
    a, b = (4, 3), (3, 4)
    assert batches(2, a, a, a, b, b, a) == [[0, 1], [2], [3, 4], [5]]
    assert batches(8, a, a, a, b, b, a) == [[0, 1, 2], [3, 4], [5]]
    assert batches(1, a, a, b) == [[0], [1], [2]]
    assert batches(3) == []


LOW = {**tiny.R50, "model.test_cfg.rcnn.score_thr": 0.0}  # what an untrained model finds counts


def detections(study: Any, folder: Path) -> list[dict[str, Any]]:
    train(tiny.plan(study, "baseline"), 0, "a" * 64, CellPaths(folder))
    found: list[dict[str, Any]] = read_json(folder / "predictions.json.gz")
    return found


def test_detections_are_the_same_in_larger_batches(project: Path, tmp_path: Path) -> None:
    one, three = (
        detections(tiny.study(overrides=LOW, train={"predict_batch": size}), tmp_path / str(size)) for size in (1, 3)
    )
    assert len(one) > 20
    assert [(d["image_id"], d["category_id"]) for d in one] == [(d["image_id"], d["category_id"]) for d in three]
    for value in ("bbox", "score"):
        expected = torch.tensor([d[value] for d in one])
        torch.testing.assert_close(torch.tensor([d[value] for d in three]), expected, rtol=1e-4, atol=1e-4)


def steps(optimizer: str, count: int = 3, **changes: Any) -> dict[str, torch.Tensor]:
    """Weights after steps of the study's optimizer, gradients given."""
    config = resolve(tiny.study(train={"optimizer": optimizer, "fused": changes.pop("fused", False)}), "baseline")
    config.optim_wrapper.optimizer.update(changes)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(5, 7))
    wrapper = build_optim_wrapper(model, Config({"w": config.optim_wrapper}).w)
    for _ in range(count):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        wrapper.step()
    return model.state_dict()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_optimizers_steps_have_the_bits_of_the_plain_ones(optimizer: str) -> None:
    plain = steps(optimizer, foreach=False)
    assert all(torch.equal(value, plain[key]) for key, value in steps(optimizer).items())
    for key, value in steps(optimizer, fused=True).items():
        torch.testing.assert_close(value, plain[key], rtol=1e-4, atol=1e-6)


def test_channels_last_computes_the_same_detector(project: Path, tmp_path: Path) -> None:
    """The hook turns the weights after they are drawn; in float64 the loss is then the same but for rounding."""
    found = {}
    for last in (False, True):
        config = resolve(tiny.study({"se": {"attention": "se"}}, train={"channels_last": last}), "se")
        config.work_dir, config.randomness, config.experiment_name = str(tmp_path), dict(seed=3), str(last)
        runner = Runner.from_cfg(config)
        runner.call_hook("before_run")
        batch = next(iter(runner.build_dataloader(config.train_dataloader, seed=0)))
        weight = runner.model.backbone.layer1[0].conv2.weight
        assert weight.is_contiguous(memory_format=torch.channels_last) is last
        assert _model(config.to_dict(), torch.device("cpu")).backbone.conv1.weight.is_contiguous() is not last
        features = runner.model.backbone.double()(torch.stack(batch["inputs"]).double())
        found[last] = copy.deepcopy(runner.model.state_dict()), features
        assert features[0].is_contiguous(memory_format=torch.channels_last) is last
    for key, value in found[False][0].items():
        if "running" not in key and "num_batches" not in key:
            assert torch.equal(value, found[True][0][key])
    for here, there in zip(found[False][1], found[True][1], strict=True):
        torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-9)
