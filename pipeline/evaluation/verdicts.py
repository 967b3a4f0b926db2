"""The four verdicts and the sentence of each. A simultaneous interval decides, never a bare p."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Verdict = Literal["better", "worse", "equivalent", "not_shown", "not_claimed"]


def verdict(ci_low: float, ci_high: float, equivalence: float, inner: tuple[float, float] | None = None) -> Verdict:
    """better: above 0; worse: below 0; equivalent: inside ±`equivalence`; otherwise not shown. In AP.

    `inner` are the bounds of the two one-sided tests of equivalence at the family's level; without them the interval
    must lie inside, which is stricter.
    """
    if ci_low > 0:
        return "better"
    if ci_high < 0:
        return "worse"
    low, high = inner or (ci_low, ci_high)
    if -equivalence < low and high < equivalence:
        return "equivalent"
    return "not_shown"


def sentence(name: str, row: Mapping[str, Any]) -> str:
    """One sentence for a reader from the fields of VariantComparison; the baseline has no verdict and no sentence."""
    if row["verdict"] is None:
        return ""
    interval = f"{row['delta']:+.4f} AP [{row['ci_low']:+.4f}, {row['ci_high']:+.4f}]"
    small = ", but by less than matters" if row["small"] else ""
    return {
        "better": f"{name} is better than the baseline{small}: {interval}.",
        "worse": f"{name} is worse than the baseline{small}: {interval}.",
        "equivalent": f"{name} is equivalent to the baseline, the difference is too small to matter: {interval}.",
        "not_shown": f"No difference between {name} and the baseline was shown: {interval}.",
        "not_claimed": f"Nothing is claimed about {name}: {interval} for these checkpoints.",
    }[row["verdict"]]
