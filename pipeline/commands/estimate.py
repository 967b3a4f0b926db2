"""`python -m pipeline estimate`: what the study will take, before anything long starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from pipeline.common.errors import UserError
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.common.progress import duration, show
from pipeline.dispatch import slots_here
from pipeline.dispatch.devices import gpu_slots, visible_gpus
from pipeline.dispatch.energy import mean_watts, watched_power
from pipeline.dispatch.estimate import cell_seconds, disk, makespan
from pipeline.dispatch.tasks import make_plans
from pipeline.dispatch.timings import time_variants
from pipeline.records import Estimate, Plan
from pipeline.study import Study, load_complete

LIMIT = 100.0  # seconds in which timings start; with what is under way then, about two minutes
PLACES = (1, 2, 4, 8, 16)  # cells at once, or cards, that the table of times has


def estimate(paths: Paths) -> None:
    """Time every variant, keep what was measured for `dispatch` and `doctor`, and print it."""
    study = load_complete(paths.params)
    make_plans()
    plans = {name: Plan.read(paths.plan(name)) for name in study.variants}
    gpus = visible_gpus(os.environ) if study.train.device == "cuda" else {}
    # As many at once as cells on a CPU; one a GPU, whose room is not known yet.
    slots = gpu_slots(gpus, [], 1, None) if gpus else slots_here(study, paths, {})
    with watched_power(gpus) as samples:
        timings = time_variants(plans, slots, LIMIT, lambda done, total: show("variants timed", done, total))
    if not timings:
        raise UserError("no variant could be timed")
    watts = mean_watts(samples, [(timing.began, timing.ended) for timing in timings.values()])
    found = Estimate(device=study.train.device, at_once=len(slots), watts=watts, timings=timings)
    found.write(paths.estimate)
    console = Console(highlight=False)
    console.print(table(study, found))
    for line in lines(study, found, len(slots_here(study, paths, gpus)), shutil.disk_usage(paths.root).free):
        console.print(line, markup=False, soft_wrap=True)


def table(study: Study, found: Estimate) -> Table:
    """A row a variant."""
    cuda = found.device == "cuda"
    columns = ["variant", "s an iteration", "iterations", "a cell", "all seeds", "memory", *["GPU memory"] * cuda]
    wide = Table(*columns, title=study.study)
    for column in wide.columns[1:]:
        column.justify = "right"
    for name in study.variants:
        timing = found.timings.get(name)
        if timing is None:
            wide.add_row(name, "no time left")
            continue
        seconds = timing.cell_seconds
        wide.add_row(
            name, f"{timing.iteration:.3g}", f"{timing.steps}", duration(seconds), duration(seconds * len(study.seeds)),
            *(f"{size / 2**30:.2f} GiB" for size in (timing.memory, timing.gpu_memory) if size),
        )  # fmt: skip
    return wide


def lines(study: Study, found: Estimate, fitting: int, free: float) -> Iterator[str]:
    """What follows for the study. `fitting` cells run at once here; `free` are bytes of disk."""
    seconds = cell_seconds(study, found.timings)
    timings = list(found.timings.values())
    cuda = found.device == "cuda"
    where = f"{found.at_once} GPUs" if cuda else f"{cores()} cores"
    yield f"{len(seconds)} cells on {timings[0].hardware}, {where}: {fitting} fit at once by memory and cores"
    yield f"here, {found.at_once} at once: {duration(makespan(seconds, found.at_once))}"
    what = "GPUs, a cell each" if cuda else "cells at once"
    yield f"by {what}: " + ", ".join(f"{n}: {duration(makespan(seconds, n))}" for n in PLACES if n <= len(seconds))
    if cuda and fitting > found.at_once:
        yield "cells that share a GPU slow each other down: how much was not measured, the times are one cell a GPU"
    if study.train.processes > 1:
        yield f"one of {study.train.processes} processes was timed, without what they send each other"
    yield f"disk: up to {disk(timings, len(seconds), fitting) / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free"
    if found.watts is None:
        yield "energy: no driver tells it here"
    else:
        yield f"energy: {found.watts * sum(seconds) / 3.6e6:.1f} kWh of the GPUs alone, at {found.watts:.0f} W each"
