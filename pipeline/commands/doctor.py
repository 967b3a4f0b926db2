"""`python -m pipeline doctor`: can this machine run the study? Said before anything trains."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from rich.console import Console

from pipeline.commands.doctor_gpu import Card, Gpus, gpu_findings, shared_memory
from pipeline.commands.finding import Finding, Grade
from pipeline.common.errors import UserError
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.dispatch import nvidia
from pipeline.dispatch.devices import CONTEXT, Needs, needs
from pipeline.dispatch.estimate import timings_of
from pipeline.study import Study, load

# Each import in a process of its own: a broken extension must not end the examination.
PROBE = """
import json, torch
from mmcv.ops import RoIAlign, get_compiling_cuda_version, nms
of_torch = torch.cuda.is_available(), torch.version.cuda, torch.cuda.get_arch_list()
print(json.dumps([get_compiling_cuda_version(), *of_torch]))
"""
SHARED_MEMORY = Path("/dev/shm")


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
    yield from _operators(study, paths)
    yield from _machine(paths, study)


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


def _operators(study: Study | None, paths: Paths) -> Iterator[Finding]:
    result = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["unknown"])[-1]
        yield Finding("bad", f"MMCV's operators do not load ({last}); remove .venv and run `make setup`")
        return
    said = json.loads(result.stdout.splitlines()[-1])
    yield Finding("good", "MMCV's operators load")
    wanted = study is not None and study.train.device == "cuda"
    peaks = [timing.gpu_memory for timing in timings_of(study, paths).values() if timing.gpu_memory] if study else []
    yield from gpu_findings(gpus_here(*said), wanted, max(peaks) / 2**20 + CONTEXT if peaks else None)


def gpus_here(compiled: str, seen: bool, torch_cuda: str | None, architectures: Sequence[str]) -> Gpus:
    """What the probe printed, together with what the driver says where there is one."""
    trouble, driver_cuda, cards = _driver()
    operators_cuda = compiled if compiled[:1].isdigit() else ""  # "not available"
    return Gpus(trouble, driver_cuda, torch_cuda or "", operators_cuda, seen, architectures, cards)


def _driver() -> tuple[str, str, list[Card]]:
    """What is wrong with the driver, the newest CUDA it runs, and its cards."""
    fields = ("index", "name", "compute_cap", "memory.total", "memory.free")
    try:
        rows = [list(row.values()) for row in nvidia.query(*fields)]
        cards = [Card(*row[:3], *map(nvidia.number, row[3:])) for row in rows]  # type: ignore[arg-type]
        return "", nvidia.cuda_version(), cards
    except UserError as error:
        return str(error), "", []


def _machine(paths: Paths, study: Study | None) -> Iterator[Finding]:
    memory, disk = psutil.virtual_memory().available / 2**30, shutil.disk_usage(paths.root).free / 2**30
    need = needs(study, paths) if study else Needs(2.0, 1.0, measured=False)
    known = "measured" if need.measured else "a guess: `python -m pipeline estimate` measures it"
    for what, have, wanted in (("memory", memory, need.memory), ("disk", disk, need.disk)):
        grade: Grade = "good" if have >= wanted else "note"
        yield Finding(grade, f"{have:.0f} GiB of {what} free, about {wanted:.1f} needed ({known})")
    if study and study.train.threads > cores():
        yield Finding("note", f"train.threads is {study.train.threads} and this machine has {cores()} cores")
    else:
        yield Finding("good", f"{cores()} cores")
    if study and SHARED_MEMORY.exists():
        shared = shared_memory(study.train, shutil.disk_usage(SHARED_MEMORY).free)
        yield from [shared] if shared else []
    tools: dict[str, Callable[[], str | None]] = {
        "git": lambda: shutil.which("git"),
        "dvc": lambda: shutil.which("dvc"),
    }
    for tool, find in tools.items():
        if not find():
            hint = f"{tool} is not on the PATH; `. .venv/bin/activate` first, or use make"
            yield Finding("bad" if tool == "dvc" else "note", hint)
