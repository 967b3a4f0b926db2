"""The cluster that `dispatch --engine slurm` sends cells to: the `cluster:` section of params.yaml or cluster.yaml.

None of it changes a result, so no plan and no fingerprint holds any of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
EngineName = Literal["local", "slurm"]


class Cluster(BaseModel):
    """What a Slurm job of one cell asks for. What is left out is the cluster's own default.

    `time` is in minutes: a cell that needs longer is stopped `grace` seconds before (Slurm may do so a minute
    earlier), requeued, and goes on from its last checkpoint. `cpus`, `gpus` and `memory_gb` are a node's; by default
    the threads and GPUs that the plan's processes need. `setup` are shell lines run before Python; `extra` are
    further options of sbatch by their long name, e.g. {reservation: course, exclude: node7}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: Count = 24 * 60
    grace: Count = 120
    nodes: Count = 1
    cpus: Count | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    parallel: Count | None = None
    setup: list[str] = []
    extra: dict[str, Any] = {}
