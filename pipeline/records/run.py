"""run.json: what a finished cell says of itself. Its presence in data/runs means that the cell is done."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.records.base import Part, Record


class LoadedWeights(Part):
    """Which pretrained weights stand in the backbone: how many keys were loaded, which are the attention's own."""

    file: str
    sha256: str
    loaded: int
    missing: list[str]
    unexpected: list[str]


class Run(Record):
    """Times in seconds, `started` and `finished` of the last session as unix time; `gpu_memory` in bytes at its peak.

    `seconds` counts the training of all sessions; `resumed_from` is the epoch at which the last one went on.
    `averaged`: predictions and checkpoint are the moving average of the weights, not those of the last step.
    """

    MADE_BY: ClassVar[str] = "`dvc repro` of its cell"

    fingerprint: str
    variant: str
    seed: int
    state: Literal["done"]
    epochs: int
    steps: int
    seconds: float
    predict_seconds: float
    started: float
    finished: float
    device: str
    hardware: str
    host: str
    threads: int
    world_size: int
    versions: dict[str, str]
    gpu_memory: int | None
    resumed_from: int | None
    weights: LoadedWeights | None
    averaged: bool
    parameters: int
    attention_parameters: int
    checkpoint_sha256: str
    predictions_sha256: str
