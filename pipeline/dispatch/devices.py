"""How many cells at once, and where: the cores or GPUs of this machine divided among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from pipeline.common.errors import UserError
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.dispatch import nvidia
from pipeline.dispatch.estimate import disk, timings_of
from pipeline.study.params import Study

USABLE = 0.9  # of a GPU's memory: allocators fragment
CONTEXT = 512.0  # MiB that the driver takes for each process beside what torch reserves: a rule of thumb


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


def gpu_slots(
    gpus: Mapping[str, float], peaks: Iterable[int], processes: int, jobs: int | None, fed: int | None = None
) -> list[Slot]:
    """Slots on GPUs {index: MiB}, taking turns. `peaks` are bytes that cells of the study are known to need.

    Before one is known, one cell a GPU; a cell of several processes has that many GPUs to itself. `fed` is how many
    cells the cores can feed: more of them share no GPU.
    """
    names = list(gpus)
    if processes > 1:
        groups = [",".join(names[i : i + processes]) for i in range(0, len(names) - processes + 1, processes)]
        if not groups:
            raise UserError(f"train.processes is {processes} and this machine shows {len(names)} GPUs; use fewer")
        return [Slot(group) for group in groups][:jobs]
    peak = max(peaks, default=0) / 2**20
    most = max(1, int(USABLE * min(gpus.values()) / (peak + CONTEXT))) if peak else 1
    slots = [Slot(name) for _ in range(most) for name in names]
    if jobs:
        return [slots[i % len(slots)] for i in range(jobs)]
    return slots if fed is None else slots[: max(fed, len(names))]


def visible_gpus(environ: Mapping[str, str]) -> dict[str, float]:
    """Index -> MiB of the GPUs that CUDA_VISIBLE_DEVICES allows. Raises UserError where there is none."""
    try:
        sizes = {row["index"]: nvidia.number(row["memory.total"]) for row in nvidia.query("index", "memory.total")}
    except UserError as error:
        raise UserError(f"train.device is cuda: {error}; `python -m pipeline doctor` says more") from None
    found = {name: size for name, size in sizes.items() if size is not None}
    allowed = environ.get("CUDA_VISIBLE_DEVICES")
    chosen = {name: size for name, size in found.items() if allowed is None or name in allowed.split(",")}
    if not chosen:
        raise UserError(
            f"train.device is cuda and no GPU is free to use: nvidia-smi names {', '.join(found) or 'none'}, "
            f"CUDA_VISIBLE_DEVICES allows {'all' if allowed is None else allowed or 'none'}"
        )
    return chosen


@dataclass(frozen=True)
class Needs:
    """GiB of memory for one process of a cell and of disk for the study; `measured` or a guess by the width."""

    memory: float
    disk: float
    measured: bool


def needs(study: Study, paths: Paths) -> Needs:
    """As `estimate` has measured it for these plans, or roughly: a full ResNet-50's run keeps 170 MB."""
    cells = len(study.variants) * len(study.seeds)
    timings = timings_of(study, paths)
    if timings:
        memory = max(timing.memory for timing in timings.values())
        return Needs(memory / 2**30, disk(timings.values(), cells, cores()) / 2**30, measured=True)
    full = study.detector.width == "full"
    return Needs(6.0 if full else 2.0, cells * (0.4 if full else 0.03) + 0.5, measured=False)
