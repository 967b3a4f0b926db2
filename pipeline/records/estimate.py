"""The record of `estimate`: what a few real iterations of each variant took on this machine."""

from __future__ import annotations

from typing import ClassVar

from pipeline.records.base import Part, Record


class Timing(Part):
    """One variant's figures; `plan` is the digest of the plan that was run. Times in seconds, sizes in bytes.

    `setup` is what a cell needs before its first iteration, `iteration` the mean of those that were counted, `image`
    the mean of one predicted image. `steps` and `images` are a whole cell's, validation included. `memory` is the
    peak of the process and its data workers, `gpu_memory` that of what torch reserved on a GPU. `weights` is the size
    of the result, `resume` that of one checkpoint to go on from. `began` and `ended` are unix times of the counted
    iterations.
    """

    plan: str
    hardware: str
    setup: float
    iteration: float
    counted: int
    steps: int
    image: float
    images: int
    memory: int
    gpu_memory: int | None
    weights: int
    resume: int
    began: float
    ended: float

    @property
    def cell_seconds(self) -> float:
        """Of one cell, from its start to its predictions."""
        return self.setup + self.steps * self.iteration + self.images * self.image


class Estimate(Record):
    """`at_once` timings ran side by side, as cells would. `watts` is the mean draw of one GPU while they did, None
    where no driver tells. A variant that time did not suffice for is missing in `timings`.
    """

    MADE_BY: ClassVar[str] = "`python -m pipeline estimate`"

    device: str
    at_once: int
    watts: float | None
    timings: dict[str, Timing]
