"""One small project for the whole room: four pictures to train on, two to report on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from pipeline import dataset
from pipeline.detector.config import resolve
from pipeline.study.datasets import Roadmarks

from . import tiny


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a project whose data set is prepared."""
    init_default_scope("mmdet")
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        dataset.prepare(Roadmarks(source="roadmarks", train=4, val=2, size=tiny.SIZE), Path("data/coco"))
    return root


@pytest.fixture(autouse=True)
def _in_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cell's working directory is the project's root; one thread, as in the demo."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    init_default_scope("mmdet")
    MMLogger.get_current_instance().setLevel("WARNING")  # it lists every initialised parameter
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def batch(project: Path) -> Any:
    """Two training pictures with their boxes, as the data loader gives them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        config = resolve(tiny.study(), "baseline")
        return next(iter(Runner.build_dataloader(config.train_dataloader, seed=0)))


@pytest.fixture
def _signals() -> Iterator[None]:
    """A cell makes termination an interruption; the tests' own process keeps its way."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
