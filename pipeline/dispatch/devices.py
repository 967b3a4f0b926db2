"""How many cells at once, and where: the cores or GPUs of this machine divided among them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from pipeline.common.errors import UserError
from pipeline.common.machine import cores
from pipeline.study.params import Study

USABLE = 0.9  # of a GPU's memory: allocators fragment
QUERY = ["nvidia-smi", "--query-gpu=index,memory.total", "--format=csv,noheader,nounits"]


@dataclass(frozen=True)
class Slot:
    """Where one cell may run: a share of the cores, or a GPU."""

    gpu: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.gpu is None else {"CUDA_VISIBLE_DEVICES": self.gpu}


def cpu_slots(threads: int, memory_gib: float, jobs: int | None) -> list[Slot]:
    """As many cells as their threads find cores and their memory room for; at least one. `jobs` overrules both."""
    fitting = min(cores() // threads, int(psutil.virtual_memory().available / 2**30 / memory_gib))
    return [Slot()] * (jobs or max(1, fitting))


def gpu_slots(gpus: Mapping[str, float], peaks: Iterable[int], processes: int, jobs: int | None) -> list[Slot]:
    """Slots on GPUs {index: MiB}, taking turns. `peaks` are bytes that finished cells of the study needed.

    Before one is known, one cell a GPU; a cell of several processes has that many GPUs to itself.
    """
    names = list(gpus)
    if processes > 1:
        groups = [",".join(names[i : i + processes]) for i in range(0, len(names) - processes + 1, processes)]
        if not groups:
            raise UserError(f"train.processes is {processes} and this machine shows {len(names)} GPUs; use fewer")
        return [Slot(group) for group in groups][:jobs]
    peak = max(peaks, default=0) / 2**20
    most = max(1, int(USABLE * min(gpus.values()) / peak)) if peak else 1
    slots = [Slot(name) for _ in range(most) for name in names]
    return [slots[i % len(slots)] for i in range(jobs)] if jobs else slots


def visible_gpus(environ: Mapping[str, str]) -> dict[str, float]:
    """Index -> MiB of the GPUs that CUDA_VISIBLE_DEVICES allows. Raises UserError where there is none."""
    if not shutil.which(QUERY[0]):
        raise UserError("train.device is cuda and nvidia-smi is not here to name the GPUs; `python -m pipeline doctor`")
    result = subprocess.run(QUERY, capture_output=True, text=True, check=False, timeout=60)
    found = dict(parse(result.stdout))
    allowed = environ.get("CUDA_VISIBLE_DEVICES")
    chosen = {name: size for name, size in found.items() if allowed is None or name in allowed.split(",")}
    if not chosen:
        raise UserError(
            f"train.device is cuda and no GPU is free to use: nvidia-smi names {', '.join(found) or 'none'}, "
            f"CUDA_VISIBLE_DEVICES allows {'all' if allowed is None else allowed or 'none'}"
        )
    return chosen


def parse(csv: str) -> Iterable[tuple[str, float]]:
    """Lines `0, 81559` of nvidia-smi."""
    for line in csv.splitlines():
        index, _, size = line.partition(",")
        if size.strip().replace(".", "", 1).isdigit():
            yield index.strip(), float(size)


def needs(study: Study) -> tuple[float, float]:
    """Rough GiB of memory for one cell and of disk for the study: a full ResNet-50's run keeps 170 MB."""
    full = study.detector.width == "full"
    cells = len(study.variants) * len(study.seeds)
    return (6.0 if full else 2.0), cells * (0.4 if full else 0.03) + 0.5
