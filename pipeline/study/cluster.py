"""The cluster that `dispatch --engine slurm` sends cells to: the `cluster:` section of params.yaml or cluster.yaml.

None of it changes a result, so no plan and no fingerprint holds any of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.study.fields import Line, Value

Count = Annotated[int, Field(ge=1)]
Option = Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")]  # of sbatch, without the dashes before it
EngineName = Literal["local", "slurm"]


class Cluster(BaseModel):
    """What a Slurm job of one cell asks for. What is null or left out is the cluster's own default."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    partition: Line | None = None
    """the partition that jobs go to"""
    account: Line | None = None
    """the account that is charged"""
    qos: Line | None = None
    """the quality of service"""
    constraint: Line | None = None
    """features that a node must have"""
    time: Count = 24 * 60
    """minutes a job may run; a cell that needs longer is requeued and goes on from its last checkpoint"""
    grace: Count = 120
    """seconds before the end of `time` at which a cell is stopped and requeued (Slurm may do so a minute earlier)"""
    nodes: Count = 1
    """nodes of one cell; `train.processes` must be a multiple"""
    cpus: Count | None = None
    """CPUs a node; null: what the cell's processes need there, threads and workers"""
    gpus: Annotated[int, Field(ge=0)] | None = None
    """GPUs a node; null: one a process with device: cuda"""
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    """memory a node in GiB"""
    parallel: Count | None = None
    """jobs at once; null: all that the cluster allows. `dispatch --jobs` goes before it"""
    setup: list[str] = []
    """shell lines run before Python, e.g. `module load cuda`"""
    extra: dict[Option, Value] = {}
    """further options of sbatch by their long name, e.g. `{reservation: course, exclude: node7}`"""
