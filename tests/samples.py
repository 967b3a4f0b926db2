"""Records of a made-up study, for tests of the report and of MLflow; `tests/made.py` has the single ones."""

from __future__ import annotations

from typing import Any

from pipeline.records import Card, Cost, Plan, Run
from pipeline.records.card import BoxesPerImage, EqualFiles, Sizes, SplitCounts
from pipeline.records.cost import Latency, Memory, Throughput, VariantCost
from tests import made

VERSIONS = {"python": "3.11.9", "torch": "2.13.0", "onedl-mmdetection": "3.5.1"}


def run(variant: str, seed: int, fingerprint: str, **changes: Any) -> Run:
    given = {
        "epochs": 8,
        "steps": 120,
        "seconds": 55.5,
        "started": 1_760_000_000.0,
        "finished": 1_760_000_060.0,
        "hardware": "Made-up CPU @ 2.0 GHz",
        "versions": VERSIONS,
        "parameters": 2_600_000,
        "attention_parameters": 0,
        "predictions_sha256": "e" * 64,
    }
    return made.run(**{**given, **changes, "variant": variant, "seed": seed, "fingerprint": fingerprint})


def plan(variant: str, config: dict[str, Any], digest: str) -> Plan:
    return made.plan(variant=variant, config=config, digest=digest)


def split(images: int, classes: dict[str, int]) -> SplitCounts:
    return SplitCounts(
        images=images,
        boxes=sum(classes.values()),
        crowd=0,
        images_without_boxes=3,
        classes=classes,
        sizes=Sizes(small=700, medium=1900, large=12),
        boxes_per_image=BoxesPerImage(min=0, median=4.0, mean=4.3, max=11, histogram=[3, 0, 0, 0, 80]),
    )


def card(splits: dict[str, SplitCounts], **changes: Any) -> Card:
    given = {
        "name": "roadmarks",
        "source": "drawn by a test",
        "origin": "tests",
        "licence": "Apache-2.0",
        "digest": "ab" * 32,
        "classes": list(splits["val"].classes),
        "report_split": "val",
        "splits": splits,
        "duplicates": EqualFiles(count=0, groups=[]),
        "leaks": EqualFiles(count=0, groups=[]),
        "repairs": {},
        "details": [],
    }
    return Card.model_validate({**given, **changes})


def cost(variants: dict[str, VariantCost]) -> Cost:
    return Cost(
        hardware="Made-up CPU @ 2.0 GHz",
        device="cpu",
        threads=1,
        image_size=(256, 160),
        batch_size=8,
        rounds=30,
        variants=variants,
    )


def variant_cost(added: int, gflops: float, median: float) -> VariantCost:
    """Of a variant whose attention has `added` parameters."""
    return VariantCost(
        parameters=2_600_000 + added,
        attention_parameters=added,
        gflops=gflops,
        attention_gflops=0.01 if added else 0.0,
        uncounted_gops=0.02,
        uncounted={"sigmoid": 16} if added else {},
        latency_ms=Latency(median=median, q1=median - 0.3, q3=median + 0.6, p95=median + 1.5, p99=None),
        images_per_second=Throughput(batch_1=1000 / median, batch_8=1400 / median),
        memory=Memory(inference=60_000_000, training=240_000_000),
    )
