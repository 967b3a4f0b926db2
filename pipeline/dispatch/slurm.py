"""Cells as jobs of a Slurm cluster, submitted by submitit as arrays.

The job of a cell is written to its working folder, so a coordinator that died is started again and finds its jobs.
How jobs stand is asked of squeue, which every cluster has; sacct needs an accounting data base.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cells.asked import standings
from pipeline.common.errors import UserError
from pipeline.common.paths import CellPaths, Paths
from pipeline.dispatch.ends import End, How
from pipeline.dispatch.tasks import Task
from pipeline.records import Job, Manifest, Plan
from pipeline.study import Study
from pipeline.study.cluster import Cluster

ARRAY = 1000  # jobs in one array at most: Slurm's own MaxArraySize is 1001 unless changed
REQUEUES = 1000  # by time limits; each one made at least the epochs that fit into it
EVERY = 2.0  # seconds between two questions to squeue
ENDED = {
    "COMPLETED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "PREEMPTED",
    "BOOT_FAIL",
    "DEADLINE",
    "CANCELLED",
    "OUT_OF_MEMORY",
}
FINAL = {"CANCELLED": How.CANCELLED, "OUT_OF_MEMORY": How.OUT_OF_MEMORY, "COMPLETED": How.EXITED}


class CellJob:
    """What a node runs: a cell, or this node's share of one that spans several."""

    def __call__(self, plan: Path, seed: int, paths: Paths) -> str:
        from pipeline.cells import run

        try:
            content = Plan.read(plan)
            if int(os.environ.get("SLURM_PROCID", "0")) > 0:
                return _join(content, seed, paths)
            return run.run(content, seed, paths)
        except UserError as error:  # the cell's files say it too; an exception would only be pickled
            print(error, flush=True)
            return str(error)

    def checkpoint(self, plan: Path, seed: int, paths: Paths) -> Any:
        """Called when the time is nearly up or the job is preempted: requeue the same, the cell resumes itself."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, plan, seed, paths)


def _join(plan: Plan, seed: int, paths: Paths) -> str:
    from pipeline.cells.torchrun import torchrun
    from pipeline.study.plan import fingerprint

    identity = fingerprint(plan.digest, Manifest.read(paths.manifest).digest, seed)
    cell = paths.cell(identity)
    cell.folder.mkdir(parents=True, exist_ok=True)
    torchrun(plan.resources.processes, cell, seed, identity)
    return identity


class Slurm:
    """Submits cells and asks for their jobs. Raises UserError where there is no Slurm or it refuses a job."""

    def __init__(self, study: Study, cluster: Cluster, parallel: int | None, paths: Paths) -> None:
        if not (shutil.which("sbatch") and shutil.which("squeue")):
            raise UserError(
                "--engine slurm: sbatch and squeue are not on the PATH; run it on a login node of a cluster"
            )
        self.study, self.cluster, self.parallel, self.paths = study, cluster, parallel, paths
        self.jobs: dict[str, str] = {}  # fingerprint -> job id
        self.asked = 0.0

    def free_slots(self) -> int:
        return ARRAY - len(self.jobs) if len(self.jobs) < ARRAY // 2 else 0

    def start(self, tasks: Sequence[Task]) -> None:
        submitted = {task.fingerprint: job for task in tasks if (job := job_of(task.files))}
        states = job_states(submitted.values())
        self.jobs |= {fingerprint: job for fingerprint, job in submitted.items() if active(states.get(job))}
        new = [task for task in tasks if task.fingerprint not in self.jobs]
        if new:
            self._submit(new)

    def _submit(self, tasks: Sequence[Task]) -> None:
        import submitit

        private(self.paths.jobs)
        executor = submitit.SlurmExecutor(folder=(self.paths.jobs / "%j").absolute(), max_num_timeout=REQUEUES)
        try:
            executor.update_parameters(**parameters(self.study, self.cluster, self.parallel))
            with executor.batch():
                jobs = [executor.submit(CellJob(), task.plan, task.cell.seed, self.paths) for task in tasks]
        except (submitit.core.utils.FailedJobError, ValueError, TypeError) as error:
            raise UserError(f"Slurm refused the jobs: {error}") from None
        for task, job in zip(tasks, jobs, strict=True):
            Job(job=job.job_id, submitted=round(time.time(), 3)).write(task.files.job)
            self.jobs[task.fingerprint] = job.job_id

    def ended(self) -> Mapping[str, End]:
        if not self.jobs or time.monotonic() - self.asked < EVERY:
            return {}
        try:
            states = job_states(self.jobs.values())
        except UserError:  # the controller restarts or is busy: jobs go on without it
            return {}
        finally:
            self.asked = time.monotonic()
        gone = {key: states.get(job) for key, job in self.jobs.items() if not active(states.get(job))}
        for key in gone:
            del self.jobs[key]
        return {key: End(FINAL.get(state or "", How.KILLED), state=state) for key, state in gone.items()}

    def stop(self) -> None:
        """Jobs go on without their coordinator: the next one finds them. `dispatch --cancel` ends them."""
        if self.jobs:
            print(f"{len(self.jobs)} jobs stay with Slurm; the same command finds them again, --cancel ends them")


def private(folder: Path) -> None:
    """Make `folder` one that this user alone may write: a job runs what submitit has pickled there."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UserError(
            f"{folder} belongs to another user, and jobs run what lies in it; move it away, or work in a clone of yours"
        )
    folder.chmod(0o700)


def parameters(study: Study, cluster: Cluster, parallel: int | None) -> dict[str, Any]:
    """A cell's job in submitit's words; what neither plan nor cluster says is left to the cluster."""
    train = study.train
    if train.processes % cluster.nodes:
        raise UserError(
            f"cluster.nodes is {cluster.nodes}: train.processes ({train.processes}) must be a multiple of it"
        )
    share = train.processes // cluster.nodes
    gpus = cluster.gpus if cluster.gpus is not None else share if train.device == "cuda" else 0
    wanted = {
        "job_name": study.study, "partition": cluster.partition, "account": cluster.account, "qos": cluster.qos,
        "constraint": cluster.constraint, "time": cluster.time, "signal_delay_s": cluster.grace,
        "nodes": cluster.nodes, "ntasks_per_node": 1,
        "cpus_per_task": cluster.cpus or share * (train.threads + train.workers),
        "gpus_per_node": gpus or None, "mem": f"{int(cluster.memory_gb * 1024)}MB" if cluster.memory_gb else None,
        "array_parallelism": parallel or ARRAY, "setup": cluster.setup or None,
        "additional_parameters": cluster.extra or None,
    }  # fmt: skip
    return {key: value for key, value in wanted.items() if value is not None}


def job_of(files: CellPaths) -> str | None:
    """The job that a cell was last submitted as."""
    submitted = Job.read_if_there(files.job)
    return submitted.job if submitted else None


def active(state: str | None) -> bool:
    return state is not None and state not in ENDED


def job_states(jobs: Iterable[str]) -> dict[str, str]:
    """Job id -> Slurm's word for its state, for those that the controller still knows. Raises UserError."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    if not arrays:
        return {}
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", f"--jobs={','.join(arrays)}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if result.returncode and "Invalid job id" not in result.stderr:  # what all those jobs say that it forgot
        raise UserError(f"squeue failed: {result.stderr.strip()}")
    return dict(re.findall(r"^(\S+)\|(\w+)", result.stdout, re.MULTILINE))


def jobs_of(study: Study, paths: Paths) -> dict[str, str]:
    """Fingerprint -> job id of the cells of a study that are not over and were submitted once."""
    if not paths.jobs.exists():
        return {}
    cells = (s.fingerprint for s in standings(study, paths) if s.fingerprint and s.state not in ("done", "failed"))
    return {fingerprint: job for fingerprint in cells if (job := job_of(paths.cell(fingerprint)))}


def cancel(study: Study, paths: Paths) -> list[str]:
    """End the study's jobs; what was done. The cells stay resumable."""
    jobs = jobs_of(study, paths)
    if not jobs:
        return []
    states = job_states(jobs.values())
    living = [job for job in jobs.values() if active(states.get(job))]
    if living:
        result = subprocess.run(["scancel", *living], capture_output=True, text=True, check=False, timeout=120)
        if result.returncode:
            raise UserError(f"scancel failed: {result.stderr.strip()}")
    return [f"{len(living)} jobs cancelled"]
