"""A stand-in for nvidia-smi: a program on the PATH that answers as NVIDIA's does, for machines without a GPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPT = """#!{python}
import sys
gpus, cuda, code = {gpus!r}, {cuda!r}, {code!r}
if code:
    print("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    sys.exit(code)
asked = [word for word in sys.argv[1:] if word.startswith("--query-gpu=")]
if not asked:
    print(f"| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: {{cuda}} |")
for gpu in gpus if asked else ():
    print(", ".join(gpu[field] for field in asked[0].removeprefix("--query-gpu=").split(",")))
"""


def gpu(index: int, **changes: str) -> dict[str, str]:
    """What an H100 with 80 GB answers, with `changes`; a dot in a field's name is written as __."""
    fields = {
        "index": str(index), "name": "NVIDIA H100 80GB HBM3", "memory.total": "81559", "memory.free": "80900",
        "power.draw": "312.50", "compute_cap": "9.0", "driver_version": "580.65.06",
    }  # fmt: skip
    return {**fields, **{name.replace("__", "."): value for name, value in changes.items()}}


def install(
    folder: Path, patch: pytest.MonkeyPatch, gpus: Sequence[dict[str, str]], cuda: str = "13.0", code: int = 0
) -> None:
    """Put it first on the PATH."""
    program = folder / "nvidia-smi"
    program.write_text(SCRIPT.format(python=sys.executable, gpus=list(gpus), cuda=cuda, code=code))
    program.chmod(0o755)
    patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
