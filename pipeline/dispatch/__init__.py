"""Cells on many cores, GPUs or machines: what `dvc repro` trains one after the other, at once.

A dispatcher brings the plans up to date, leaves out what is finished, hands the rest to an engine and waits. Cells
end in scratch; `dvc repro` collects them in seconds and stays the only writer of dvc.lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.cells.run import interruptible
from pipeline.common.files import read_json
from pipeline.dispatch import dispatchers
from pipeline.dispatch.coordinator import Engine, coordinate
from pipeline.dispatch.devices import Place, cpu_places, gpu_places, visible_gpus
from pipeline.dispatch.display import Lines, Watch, summary
from pipeline.dispatch.local import Local
from pipeline.dispatch.tasks import make_plans, open_tasks
from pipeline.study import Study, load_cluster
from pipeline.study.cluster import EngineName

CLUSTER = Path("cluster.yaml")


def dispatch(study: Study, engine: EngineName, jobs: int | None, watch: bool) -> int:
    """Train every cell of the study that is not finished; the number of cells that failed.

    `jobs` is how many run at once: by default as many as cores, GPUs and memory allow, or as the cluster does.
    Raises KeyboardInterrupt after Ctrl-C or SIGTERM, when all local cells have ended resumable.
    """
    interruptible()
    make_plans()
    tasks, finished = open_tasks(study)
    total = len(tasks) + len(finished)
    if not tasks:
        print(f"all {total} cells are done; `dvc repro` collects them", flush=True)
        return 0
    chosen, at_once = _engine(engine, study, jobs, len(tasks))
    print(f"{len(tasks)} of {total} cells to train, {at_once} at once ({engine})", flush=True)
    with ExitStack() as stack:
        stack.enter_context(dispatchers.registered())
        view = stack.enter_context(Watch(finished, total, at_once)) if watch else Lines(finished, total, at_once)
        over = coordinate(tasks, chosen, view.tell, view.tick)
    summary(over, len(finished), print)
    return sum(progress.state == "failed" for progress in over)


def cancel(study: Study) -> list[str]:
    """End all that works on the study: this host's dispatchers with their cells, and its jobs on the cluster."""
    from pipeline.dispatch import slurm

    return [*dispatchers.cancel(), *slurm.cancel(study)]


def _engine(name: EngineName, study: Study, jobs: int | None, tasks: int) -> tuple[Engine, int]:
    if name == "slurm":
        from pipeline.dispatch.slurm import Slurm

        cluster = load_cluster(study, CLUSTER)
        parallel = jobs or cluster.parallel
        return Slurm(study, cluster, parallel), min(parallel or tasks, tasks)
    if study.train.device == "cpu":
        places = _cpu(study, jobs)
        local = Local(lambda: places, "cpu")
    else:
        gpus = visible_gpus(os.environ)
        local = Local(lambda: gpu_places(gpus, _peaks(study), study.train.processes, jobs), "cuda")
    return local, len(local.places)


def _cpu(study: Study, jobs: int | None) -> Sequence[Place]:
    from pipeline.commands.doctor import needs

    train = study.train
    return cpu_places(train.threads * train.processes, needs(study)[0] * train.processes, jobs)


def _peaks(study: Study) -> list[int]:
    """Bytes of GPU memory that the finished cells of the study needed at most."""
    from pipeline.cells.state import scratch, standings

    runs = (
        scratch(standing.fingerprint) / "run.json"
        for standing in standings(study)
        if standing.fingerprint and standing.state == "done"
    )
    return [peak for run in runs if run.exists() and (peak := read_json(run).get("gpu_memory"))]
