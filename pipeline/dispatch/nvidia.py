"""What NVIDIA's driver says of its GPUs, by way of nvidia-smi."""

from __future__ import annotations

import re
import shutil
import subprocess

from pipeline.common.errors import UserError

PROGRAM = "nvidia-smi"


def query(*fields: str) -> list[dict[str, str]]:
    """A dict of `fields` (as `nvidia-smi --help-query-gpu` names them, without units) for each GPU.

    Raises UserError where there is no nvidia-smi, or its driver does not answer.
    """
    told = _run(f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    rows = [row.split(",") for row in told.splitlines()]
    return [dict(zip(fields, map(str.strip, row), strict=True)) for row in rows if len(row) == len(fields)]


def cuda_version() -> str:
    """The newest CUDA that the driver runs, e.g. 13.0; empty where it does not say."""
    found = re.search(r"CUDA Version:\s*(\d+\.\d+)", _run())
    return found[1] if found else ""


def number(text: str) -> float | None:
    """A figure of a query; None for `[N/A]` and the like."""
    try:
        return float(text)
    except ValueError:
        return None


def _run(*options: str) -> str:
    if not shutil.which(PROGRAM):
        raise UserError(f"no GPU can be named: {PROGRAM} is not on the PATH; install NVIDIA's driver")
    try:
        result = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        raise UserError(f"{PROGRAM} does not answer; reload NVIDIA's driver or restart the machine") from None
    if result.returncode:
        said = " ".join((result.stdout + result.stderr).split())[:200]
        raise UserError(f"{PROGRAM} fails: {said}; reload NVIDIA's driver or restart the machine")
    return result.stdout
