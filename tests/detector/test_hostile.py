"""A checkpoint from elsewhere runs nothing: not as pretrained weights, not in a pulled run, not in scratch."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.apis import init_detector
from mmengine.config import Config
from ruamel.yaml import YAML

from pipeline.cells import run as cell
from pipeline.commands import stages
from pipeline.commands.train import train
from pipeline.common.errors import UserError
from pipeline.detector import tensors
from pipeline.detector.tensors import Foreign
from pipeline.records import Failure, Plan

from . import tiny
from .hostile import PAYLOADS, Reduces
from .test_weights import checkpoint

STUDY = tiny.study(train={"epochs": 2})
pytestmark = pytest.mark.usefixtures("_signals")


@pytest.fixture(params=PAYLOADS)
def payload(request: Any, tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """Something that acts when it is unpickled, and the type to be named; fails the test if it acted."""
    make, name = PAYLOADS[request.param]
    mark = tmp_path / "it_ran"
    yield make(mark), name
    assert not mark.exists(), "the payload ran"


def test_as_pretrained_weights(payload: tuple[Any, str], project: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Complete weights with a payload beside them; planned and trained as DVC would."""
    thing, name = payload
    path = tmp_path / "resnet.pth"
    torch.save({"state_dict": checkpoint(path), "meta": thing}, path)
    folder = tmp_path / "project"
    shutil.copytree(project / "data", folder / "data")
    monkeypatch.chdir(folder)
    study = tiny.study(weights=str(path), train={"epochs": 1})
    with Path("params.yaml").open("w") as file:
        YAML().dump({"tracking": {}, **study.model_dump(mode="json", by_alias=True, exclude={"cluster"})}, file)
    with pytest.raises(UserError) as refusal:
        planned_and_trained()
    assert f"{path}: refused, it holds {name}" in str(refusal.value)
    assert not Path("data/plans").exists()


def planned_and_trained() -> None:
    stages.plan(tiny.PATHS)
    train(tiny.PATHS, "baseline", 0)


def test_in_a_pulled_run(payload: tuple[Any, str], tmp_path: Path) -> None:
    """checkpoint.pth as MMDetection's users load it, once the plan's modules are registered."""
    thing, name = payload
    path = tmp_path / "checkpoint.pth"
    torch.save({"state_dict": {"backbone.conv1.weight": thing}}, path)
    plan = tiny.plan(STUDY, "baseline")
    with pytest.raises(UserError, match=f"{path}: refused, it holds {name}"):
        init_detector(Config(plan.mmengine_config()), str(path), device="cpu")


def planted(content: Any) -> tuple[Plan, Path]:
    """A cell's plan, with a checkpoint to resume from in its scratch folder."""
    plan = tiny.plan(STUDY, "baseline")
    folder = tiny.scratch(plan, 0).folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "epoch_1.pth"
    torch.save(content, path)
    return plan, path


RESUMABLE: dict[str, Any] = {"state_dict": {}, "optimizer": {}, "param_schedulers": [], "message_hub": {}}


def test_in_scratch(payload: tuple[Any, str]) -> None:
    thing, name = payload
    plan, path = planted({**RESUMABLE, "meta": {"epoch": 1, "iter": 2, "hostile": thing}})
    with pytest.raises(cell.CellFailed, match=f"{path}: refused, it holds {name}.* delete the file"):
        cell.run(plan, 0, tiny.PATHS)
    assert Failure.read(path.parent / "FAILED").kind == "input"
    path.unlink()


def test_a_config_inside_a_resume_file_is_not_run(tmp_path: Path) -> None:
    """Plain text, which every loader takes; MMEngine would run it as Python."""
    mark = tmp_path / "it_ran"
    text = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
    plan, path = planted({**RESUMABLE, "meta": {"epoch": 1, "iter": 2, "config": text}})
    with pytest.raises(cell.CellFailed):
        cell.run(plan, 0, tiny.PATHS)
    assert not mark.exists()
    path.unlink()


@pytest.mark.parametrize("protocol", [3, 4])
def test_another_protocol_is_no_way_around(tmp_path: Path, protocol: int) -> None:
    path, mark = tmp_path / "weights.pth", tmp_path / "it_ran"
    torch.save({"w": Reduces(mark)}, path, pickle_protocol=protocol)
    with pytest.raises(Foreign, match=f"{path}: refused, it holds"):
        tensors.read(path)
    assert not mark.exists()


def test_a_program_of_torchscript_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(Foreign, match="holds a TorchScript program"):
        tensors.read(path)


def test_an_archive_that_unpacks_to_more_than_it_weighs(tmp_path: Path) -> None:
    path, packed = tmp_path / "weights.pth", tmp_path / "packed.pth"
    torch.save({"w": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert packed.stat().st_size < path.stat().st_size / 100
    with pytest.raises(UserError, match="unpacks to more than it weighs"):
        tensors.read(packed)
