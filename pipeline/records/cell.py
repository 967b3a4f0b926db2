"""The small files of a cell's working folder: which cell it is, how far it has come, whose it is, why it failed."""

from __future__ import annotations

from typing import Literal

from pipeline.records.base import Record

FailureKind = Literal["memory", "disk", "diverged", "input", "exception"]
BeatState = Literal["running", "predicting", "done"]


class CellIdentity(Record):
    """cell.json."""

    variant: str
    seed: int
    fingerprint: str


class Heartbeat(Record):
    """heartbeat.json, rewritten as a cell trains. `elapsed` are the seconds of all its sessions, `time` unix time."""

    state: BeatState
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None
    eta_seconds: float
    elapsed: float
    time: float
    pid: int
    host: str


class Failure(Record):
    """FAILED, and rank_<n>.json of one of several processes: a reason with its remedy, and the end of the log."""

    kind: FailureKind
    reason: str
    tail: list[str]
    time: float


class Job(Record):
    """job.json: the Slurm job that a cell was last submitted as, and when (unix time)."""

    job: str
    submitted: float


class Owner(Record):
    """claim.<n>: the process that trains a cell; `born`, in seconds since its machine started, tells it from a
    later one of the same pid. `job` is a scheduler's id.
    """

    host: str
    pid: int
    born: float
    job: str | None = None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" + (f" (job {self.job})" if self.job else "")
