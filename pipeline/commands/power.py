"""Which differences k seeds and V images would show, from the runs at hand."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.common.paths import Paths
from pipeline.common.progress import say
from pipeline.evaluation import Comparison, plan_power
from pipeline.results.read import EvaluationPaths


def power(paths: Paths, wanted: float | None) -> None:
    """The table of detectable effects, and the cheapest way to a wanted one."""
    result = plan_power(Comparison.read(EvaluationPaths(paths.evaluation).comparison).power_basis, wanted)
    columns = sorted({row["images"] for row in result.table})
    table = Table(
        "seeds",
        *(f"{images:.0f} images" for images in columns),
        title="true AP difference that 8 of 10 such studies show",
    )
    for seeds in sorted({row["seeds"] for row in result.table}):
        effects = {row["images"]: row["effect"] for row in result.table if row["seeds"] == seeds}
        table.add_row(f"{seeds:.0f}", *(f"{effects[images]:.4f}" if images in effects else "" for images in columns))
    Console().print(table)
    if wanted is not None and result.cheapest is None:
        say(f"no number of seeds up to 100 would show {wanted} AP")
    elif result.cheapest is not None:
        best = result.cheapest
        say(f"for {wanted} AP: {best['seeds']:.0f} seeds and {best['images']:.0f} images, the cheapest such study")
    say(
        "these runs have been looked at: whoever adds seeds and judges again pays for every look; "
        "`evaluation.looks`, declared before the first run, costs less"
    )
