"""`make test-gpu`: skipped with a reason where there is no GPU. None of it has been run on one yet."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from pipeline.common.paths import CellPaths, Paths
from pipeline.records import Failure, Run
from tests.conftest import TINY, Project
from tests.gpu import checks
from tests.gpu.conftest import LINES, missing

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(missing()), reason=missing() or "a GPU is here")]


@contextmanager
def line(name: str) -> Iterator[list[str]]:
    """A line of the page: what the block puts into the list, and whether it came to its end."""
    said: list[str] = []
    LINES[name] = (False, "")
    yield said
    LINES[name] = (True, "; ".join(said))


@pytest.fixture(autouse=True)
def _exact() -> None:
    """float32 is float32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


@pytest.mark.parametrize("check", [checks.operators, checks.modules, checks.start], ids=lambda check: check.__name__)
def test_as_the_cpu_computes(check: Callable[[str], str]) -> None:
    with line(f"{check.__name__} against the CPU") as said:
        said.append(check("cuda"))


def cells(project: Project, **train: Any) -> list[CellPaths]:
    """The tiny study's cells after `dispatch` on this machine's GPUs, done or failed."""
    project.params(train={**TINY["train"], "device": "cuda", **train}, seeds=[0])
    environment = {key: value for key, value in project.environment.items() if key != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-m", "pipeline", "dispatch"]
    subprocess.run(command, cwd=project.root, env=environment, check=False, timeout=300)
    return Paths(project.root).cells()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_study_trains_with_finite_losses(project: Project, precision: str) -> None:
    with line(f"two cells, {precision}") as said:
        found = cells(project, precision=precision)
        assert len(found) == 2
        for files in found:
            run = Run.read(files.run)
            with files.history.open() as file:
                losses = [float(row["value"]) for row in csv.DictReader(file) if "loss" in row["metric"]]
            assert losses
            assert all(map(math.isfinite, losses))
            assert run.device == "cuda"
            said.append(f"{run.variant} {run.seconds:.1f} s, {(run.gpu_memory or 0) / 2**20:.0f} MiB")


def test_out_of_memory_says_so(project: Project) -> None:
    """This process holds the card's memory but what a driver's context takes."""
    with line("out of memory ends as kind memory") as said:
        free, _ = torch.cuda.mem_get_info()
        ballast = torch.empty(max(0, free - 700 * 2**20), dtype=torch.uint8, device="cuda")
        found = cells(project, image_size=[1920, 1280])
        del ballast
        failure = Failure.read(found[0].failed)
        assert failure.kind == "memory"
        assert "smaller train.batch_size" in failure.reason
        said.append(failure.reason[:80])
