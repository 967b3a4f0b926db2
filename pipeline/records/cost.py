"""The file data/cost.json: what each variant costs, all measured side by side."""

from __future__ import annotations

from typing import ClassVar

from pipeline.records.base import Part, Record


class Quartiles(Part):
    """Milliseconds an image."""

    median: float
    q1: float
    q3: float


class VariantCost(Part):
    """`gflops` are 10^9 multiply-adds of one image; `uncounted` are operators that they leave out, and how often
    each ran.
    """

    parameters: int
    attention_parameters: int
    gflops: float
    uncounted: dict[str, int]
    latency_ms: Quartiles


class Cost(Record):
    """`image_size` is width and height in pixels."""

    MADE_BY: ClassVar[str] = "`dvc repro cost`"

    hardware: str
    device: str
    threads: int
    image_size: tuple[int, int]
    rounds: int
    variants: dict[str, VariantCost]
