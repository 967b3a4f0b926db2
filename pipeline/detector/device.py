"""Where a cell computes: threads, device, and what hardware that is."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import torch
from mmcv.ops import get_compiling_cuda_version

from pipeline.common.errors import UserError
from pipeline.records.plan import Resources


def use_device(resources: Resources) -> None:
    """Threads and device of the plan; they are part of it because they change the numbers.

    Raises UserError where the plan wants a GPU and torch or MMCV's operators have none.
    """
    torch.set_num_threads(resources.threads)
    if resources.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # MMEngine takes a GPU wherever it sees one
        return
    ways = "`python -m pipeline doctor` names the ways out"
    if not torch.cuda.is_available():
        raise UserError(f"train.device is cuda and torch sees no GPU; {ways}")
    if get_compiling_cuda_version() == "not available":
        raise UserError(f"train.device is cuda and MMCV's operators were built without CUDA; {ways}")


def hardware() -> str:
    """The model name of the GPU or processor that did the work."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
