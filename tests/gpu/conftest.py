"""The page that a run on a GPU leaves: reports/gpu.md."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Iterator

import pytest
import torch
from mmcv.ops import get_compiling_cuda_version

from pipeline.common.paths import PROJECT, Paths

LIBRARIES = ("torch", "onedl-mmcv", "onedl-mmdetection", "onedl-mmengine")
LINES: dict[str, tuple[bool, str]] = {}


def missing() -> str:
    """Why nothing can be proven here; empty where it can."""
    if not torch.cuda.is_available():
        return "torch sees no GPU here"
    return "" if get_compiling_cuda_version()[:1].isdigit() else "MMCV's operators were built without CUDA"


@pytest.fixture(scope="session", autouse=True)
def _page() -> Iterator[None]:
    """Writes reports/gpu.md once all is over, where a GPU was at work."""
    yield
    if LINES:
        Paths(PROJECT).reports.joinpath("gpu.md").write_text(page(LINES, card(), versions()), encoding="utf-8")


def page(lines: dict[str, tuple[bool, str]], card: str, versions: str) -> str:
    rows = [f"| {name} | {'passed' if passed else 'FAILED'} | {said} |" for name, (passed, said) in lines.items()]
    head = ["# On a GPU", "", f"`make test-gpu` on {card}; {versions}.", "", "| what | | measured |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def card() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()


def versions() -> str:
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return f"{found}, operators built with CUDA {get_compiling_cuda_version()}"
