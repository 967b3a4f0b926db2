"""Cells on many cores, GPUs or machines: what `dvc repro` trains one after the other, at once.

A dispatcher brings the plans up to date, leaves out what is finished, hands the rest to an engine and waits. Cells
end in their working folders; `dvc repro` collects them in seconds and stays the only writer of dvc.lock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from pipeline.cells.asked import standings
from pipeline.cells.run import interruptible
from pipeline.cells.state import finished
from pipeline.common.machine import cores
from pipeline.common.paths import Paths
from pipeline.dispatch import dispatchers
from pipeline.dispatch.coordinator import Engine, coordinate
from pipeline.dispatch.devices import Slot, cpu_slots, gpu_slots, needs, visible_gpus
from pipeline.dispatch.display import Lines, Watch, summary
from pipeline.dispatch.estimate import timings_of
from pipeline.dispatch.local import Local
from pipeline.dispatch.tasks import make_plans, open_tasks
from pipeline.study import Study, load_cluster
from pipeline.study.cluster import EngineName


def dispatch(study: Study, paths: Paths, engine: EngineName, jobs: int | None, watch: bool) -> int:
    """Train every cell of the study that is not finished; the number of cells that failed.

    `jobs` is how many run at once: by default as many as cores, GPUs and memory allow, or as the cluster does.
    Raises KeyboardInterrupt after Ctrl-C or SIGTERM, when all local cells have ended resumable.
    """
    interruptible()
    make_plans()
    while True:
        failed = _round(study, paths, engine, jobs, watch)
        if failed or not study.evaluation.looks or not open_tasks(study, paths)[0]:
            return failed


def _round(study: Study, paths: Paths, engine: EngineName, jobs: int | None, watch: bool) -> int:
    """All cells that are asked for now; a look may ask for more once they are done."""
    tasks, over_before = open_tasks(study, paths)
    total = len(tasks) + len(over_before)
    if not tasks:
        print(f"all {total} cells are done; `dvc repro` collects them", flush=True)
        return 0
    chosen, at_once = _engine(engine, study, paths, jobs, len(tasks))
    print(f"{len(tasks)} of {total} cells to train, {at_once} at once ({engine})", flush=True)
    with ExitStack() as stack:
        stack.enter_context(dispatchers.registered(paths))
        view = stack.enter_context(Watch(over_before, total, at_once)) if watch else Lines(over_before, total, at_once)
        over = coordinate(tasks, chosen, view.on_change, view.tick)
    summary(over, len(over_before), print)
    return sum(progress.state == "failed" for progress in over)


def cancel(study: Study, paths: Paths) -> list[str]:
    """End all that works on the study: this host's dispatchers with their cells, and its jobs on the cluster."""
    from pipeline.dispatch import slurm

    return [*dispatchers.cancel(paths), *slurm.cancel(study, paths)]


def _engine(name: EngineName, study: Study, paths: Paths, jobs: int | None, tasks: int) -> tuple[Engine, int]:
    if name == "slurm":
        from pipeline.dispatch.slurm import Slurm

        cluster = load_cluster(study, paths.cluster)
        parallel = jobs or cluster.parallel
        return Slurm(study, cluster, parallel, paths), min(parallel or tasks, tasks)
    if study.train.device == "cpu":  # asked once: memory that our own cells hold is not free any more
        slots = slots_here(study, paths, {}, jobs)
        local = Local(lambda: slots, "cpu", paths)
    else:
        gpus = visible_gpus(os.environ)
        local = Local(lambda: slots_here(study, paths, gpus, jobs), "cuda", paths)
    return local, len(local.slots)


def slots_here(study: Study, paths: Paths, gpus: Mapping[str, float], jobs: int | None = None) -> Sequence[Slot]:
    """Where cells of the study may run on this machine at once, by what is known of their memory."""
    train = study.train
    if train.device == "cpu":
        return cpu_slots(train.threads * train.processes, needs(study, paths).memory * train.processes, jobs)
    return gpu_slots(gpus, _peaks(study, paths), train.processes, jobs, cores() // train.threads)


def _peaks(study: Study, paths: Paths) -> list[int]:
    """Bytes of GPU memory that cells of the study needed at most: those finished, and those that were timed."""
    timed = [timing.gpu_memory for timing in timings_of(study, paths).values() if timing.gpu_memory]
    done = (found for found in standings(study, paths) if found.fingerprint and found.state == "done")
    runs = (finished(found.cell, str(found.fingerprint), paths) for found in done)
    return timed + [run.gpu_memory for run in runs if run and run.gpu_memory]
