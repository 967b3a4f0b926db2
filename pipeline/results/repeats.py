"""The A/A variants as a reader sees them: the baseline trained again, beside the baseline, with no verdict."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.results.read import Evidence


@dataclass(frozen=True)
class Repeat:
    """AP of an A/A variant over its finished runs; `delta` is the mean difference from the baseline's equal seeds."""

    mean: float
    sd: float | None
    n: int
    delta: float | None


def repeat(evidence: Evidence, name: str) -> Repeat | None:
    """None where no run of the variant has finished."""
    frame = evidence.metrics[evidence.metrics["metric"] == evidence.comparison.primary]
    ap = frame[frame["variant"] == name].set_index("seed")["value"].dropna()
    if ap.empty:
        return None
    floor = evidence.comparison.noise_floor
    mine = {f"{name}-{seed}" for seed in ap.index}
    deltas = [delta for cell, delta in floor.differences.items() if cell in mine] if floor else []
    return Repeat(
        mean=float(ap.mean()),
        sd=float(ap.std(ddof=1)) if len(ap) > 1 else None,
        n=len(ap),
        delta=sum(deltas) / len(deltas) if deltas else None,
    )
