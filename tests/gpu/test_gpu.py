"""`make test-gpu`: skipped with a reason where there is no GPU. None of it has been run on one yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from tests.conftest import Project
from tests.gpu import checks, studies
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


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_as_the_cpu_computes(check: Callable[[str], str]) -> None:
    with line(f"{check.__name__} against the CPU") as said:
        said.append(check("cuda"))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_study_trains_with_finite_losses(project: Project, precision: str) -> None:
    with line(f"two cells, {precision}") as said:
        said.append(studies.trained(project, "cuda", precision))


@pytest.mark.parametrize("body", studies.BODIES.values(), ids=list(studies.BODIES))
def test_a_study_does_what_it_does_on_a_cpu(project: Project, body: Callable[[Project, str], str]) -> None:
    with line(studies.words(body)) as said:
        said.append(body(project, "cuda"))


def test_two_processes_share_a_cell_by_nccl(project: Project) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU here: NCCL needs two")
    with line("a cell of two processes, NCCL") as said:
        said.append(studies.together(project, "cuda"))


def test_out_of_memory_says_so(project: Project) -> None:
    """This process holds the card's memory but what a driver's context takes."""
    with line("out of memory ends as kind memory") as said:
        free, _ = torch.cuda.mem_get_info()
        ballast = torch.empty(max(0, free - 700 * 2**20), dtype=torch.uint8, device="cuda")
        said.append(studies.out_of_memory(project, "cuda"))
        del ballast
