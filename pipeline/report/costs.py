"""What each variant costs, as people quote it, and how it was measured."""

from __future__ import annotations

from pipeline.report.blocks import Column, Entry, Table
from pipeline.report.text import Markdown, code, escape
from pipeline.report.words import count, millions, number, plural
from pipeline.results.read import Evidence

TITLES = (
    "params", "of attention", "GFLOPs", "of attention", "other Gops", "ms median", "P95", "P99",
    "images/s at 1", "at 8", "MB inference", "MB training",
)  # fmt: skip


def costs(evidence: Evidence) -> Table:
    """Every cost of every variant, in the order of the report."""
    found = evidence.cost.variants
    rows = [_row(evidence, name) for name in evidence.names if name in found]
    return Table("Costs", [Column("variant", False), *map(Column, TITLES)], rows, narrow=True)


def _row(evidence: Evidence, name: str) -> list[Entry]:
    cost = evidence.cost.variants[name]
    latency, speed, memory = cost.latency_ms, cost.images_per_second, cost.memory
    return [
        Entry(name),
        Entry(millions(cost.parameters), cost.parameters),
        Entry(millions(cost.attention_parameters), cost.attention_parameters),
        Entry(number(cost.gflops, 2), cost.gflops),
        Entry(number(cost.attention_gflops), cost.attention_gflops),
        Entry(number(cost.uncounted_gops), cost.uncounted_gops),
        Entry(number(latency.median, 1), latency.median),
        Entry(number(latency.p95, 1), latency.p95),
        Entry(number(latency.p99, 1), latency.p99),
        Entry(number(speed.batch_1, 1), speed.batch_1),
        Entry(number(speed.batch_8, 1), speed.batch_8),
        Entry(count(memory.inference / 1e6), memory.inference),
        Entry(count(memory.training / 1e6), memory.training),
    ]


def measured(evidence: Evidence) -> Markdown:
    """How, in a sentence below the main table."""
    cost = evidence.cost
    width, height = cost.image_size
    return Markdown(
        f"Costs: one image of {width} x {height} pixels on {escape(cost.hardware)}, "
        f"{plural(cost.threads, 'thread')}, {plural(cost.rounds, 'round')}, all variants in turn; more in section 5."
    )


def explained(evidence: Evidence) -> list[Markdown]:
    """What the columns are, and what they leave out."""
    operators = sorted({operator for row in evidence.cost.variants.values() for operator in row.uncounted})
    named = ", ".join(code(operator) for operator in operators) or "none"
    return [
        Markdown(
            "GFLOPs: multiply-adds of one image, fused attention included. Other Gops: operations that are no "
            "multiply-adds, one an output element of every other operator and five of a softmax; what NMS and RoIAlign "
            f"do inside is in neither. Those operators: {named}."
        ),
        Markdown(
            "P95 takes 20 rounds, P99 a hundred: n/a where there were fewer. Memory: the most that weights and tensors "
            f"hold at once, of one image, and of a training step with {plural(evidence.cost.batch_size, 'image')}, its "
            "gradients and the optimizer's state."
        ),
    ]
