"""cost.json of the stage cost: what each variant costs, all measured side by side."""

from __future__ import annotations

from typing import ClassVar

from pipeline.records.base import Part, Record


class Latency(Part):
    """Milliseconds of one image. `p95` takes twenty rounds, `p99` a hundred: with fewer they would be the maximum."""

    median: float
    q1: float
    q3: float
    p95: float | None
    p99: float | None


class Throughput(Part):
    """Images a second, one at a time and eight at a time."""

    batch_1: float
    batch_8: float


class Memory(Part):
    """Peak bytes of weights, activations, gradients and the optimizer's state: of one image's inference, and of a
    training step with the study's batch.
    """

    inference: int
    training: int


class VariantCost(Part):
    """`gflops` are 10^9 multiply-adds of one image, those of fused attention included; `attention_gflops` the part of
    the inserted modules. `uncounted_gops` are 10^9 operations that are no multiply-adds: one an output element of
    every other operator, five of a softmax. `uncounted` is how often each of those operators ran.
    """

    parameters: int
    attention_parameters: int
    gflops: float
    attention_gflops: float
    uncounted_gops: float
    uncounted: dict[str, int]
    latency_ms: Latency
    images_per_second: Throughput
    memory: Memory


class Cost(Record):
    """`image_size` is width and height in pixels, `batch_size` that of the training step."""

    MADE_BY: ClassVar[str] = "`dvc repro cost`"

    hardware: str
    device: str
    threads: int
    image_size: tuple[int, int]
    batch_size: int
    rounds: int
    variants: dict[str, VariantCost]
