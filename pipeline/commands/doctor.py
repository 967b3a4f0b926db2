"""`python -m pipeline doctor`: can this machine run the study? Said before anything trains."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console

from pipeline.common.errors import UserError
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.dispatch.devices import needs
from pipeline.study import Study, load

GPU_WAYS = (
    "either install the CUDA toolkit of torch's CUDA version and run `make setup` again after removing .venv, "
    "or run `make setup MMCV_WHEELS=<index> TORCH=<version>`"
)


PROBE = """
import torch
from mmcv.ops import RoIAlign, get_compiling_cuda_version, nms
print(get_compiling_cuda_version())
print(torch.cuda.is_available())
"""


@dataclass(frozen=True)
class Finding:
    """One line of the examination; a `bad` one means that the study cannot run here."""

    grade: Literal["good", "note", "bad"]
    text: str


def examine(paths: Paths, quiet: bool = False) -> int:
    """Print every finding (only notes and bad ones if `quiet`); 1 if the study cannot run, else 0."""
    console = Console(highlight=False)
    findings = list(findings_of(paths))
    for finding in findings:
        if finding.grade != "good" or not quiet:
            console.print(
                f"{ {'good': '[green]ok  [/]', 'note': '[yellow]note[/]', 'bad': '[red]bad [/]'}[finding.grade] } ",
                end="",
            )
            console.print(finding.text, markup=False, soft_wrap=True)
    return int(any(finding.grade == "bad" for finding in findings))


def findings_of(paths: Paths) -> Iterator[Finding]:
    study: Study | None = None
    try:
        study = load(paths.params)
        yield Finding(
            "good", f"params.yaml: study {study.study}, {len(study.variants)} variants x {len(study.seeds)} seeds"
        )
    except UserError as error:
        yield Finding("bad", str(error))
    yield from _python_and_pins(paths.requirements)
    yield from _operators(study)
    yield from _machine(paths.root, study)


def _python_and_pins(pins: Path) -> Iterator[Finding]:
    yield Finding("good", f"Python {sys.version.split()[0]}")
    wrong = []
    for line in pins.read_text().splitlines() if pins.exists() else []:
        name, pinned = line.partition("==")[::2]
        if pinned and not line.startswith("#"):
            found = _version(name.partition("[")[0])  # psycopg[binary]
            if found.partition("+")[0] != pinned:
                wrong.append(f"{name} {found or 'missing'} (pinned {pinned})")
    if wrong:
        yield Finding("note", f"not as pinned, results may differ: {', '.join(wrong)}")
    else:
        main = ", ".join(f"{name} {_version(name)}" for name in ("torch", "onedl-mmdetection", "dvc", "mlflow"))
        yield Finding("good", f"all pins installed: {main}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _operators(study: Study | None) -> Iterator[Finding]:
    """Each check imports in a process of its own: a broken extension must not end the examination."""
    result = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["unknown"])[-1]
        yield Finding("bad", f"MMCV's operators do not load ({last}); remove .venv and run `make setup`")
        return
    compiled, sees_gpu = (
        result.stdout.split()[-2:] if "not available" not in result.stdout else ("none", result.stdout.split()[-1])
    )
    yield Finding("good", "MMCV's operators load")
    wanted = study is not None and study.train.device == "cuda"
    if sees_gpu == "True" and compiled == "none":
        yield Finding(
            "bad" if wanted else "note", f"torch sees a GPU but MMCV's operators were built without CUDA: {GPU_WAYS}"
        )
    elif sees_gpu == "True":
        yield Finding("good", f"GPU seen; operators built with CUDA {compiled}")
    elif wanted:
        blind = (
            "train.device is cuda and torch sees no GPU here; set train.device: cpu, or on a machine with an NVIDIA GPU"
        )
        yield Finding("bad", f"{blind}, {GPU_WAYS}")


def _machine(root: Path, study: Study | None) -> Iterator[Finding]:
    memory, disk = psutil.virtual_memory().available / 2**30, shutil.disk_usage(root).free / 2**30
    need_memory, need_disk = needs(study) if study else (2.0, 1.0)
    for what, have, need in (("memory", memory, need_memory), ("disk", disk, need_disk)):
        grade: Literal["good", "note"] = "good" if have >= need else "note"
        yield Finding(grade, f"{have:.0f} GiB of {what} free, about {need:.1f} needed")
    if study and study.train.threads > cores():
        yield Finding("note", f"train.threads is {study.train.threads} and this machine has {cores()} cores")
    else:
        yield Finding("good", f"{cores()} cores")
    tools: dict[str, Callable[[], str | None]] = {
        "git": lambda: shutil.which("git"),
        "dvc": lambda: shutil.which("dvc"),
    }
    for tool, find in tools.items():
        if not find():
            hint = f"{tool} is not on the PATH; `. .venv/bin/activate` first, or use make"
            yield Finding("bad" if tool == "dvc" else "note", hint)
