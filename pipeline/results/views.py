"""DVC's own views of an evaluation: the numbers of `dvc metrics show`, and the tables that `dvc plots show` draws.

dvc.yaml declares these files; the templates of the plots lie in .dvc/plots.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.common.files import write_json, write_text
from pipeline.results.read import EvaluationPaths, Evidence
from pipeline.results.repeats import repeat

POINTS = 100  # of a curve


def write_views(evidence: Evidence) -> None:
    """Beside the files that `evidence` was read from."""
    files, primary = EvaluationPaths(evidence.folder), evidence.comparison.primary
    write_json(files.numbers, numbers(evidence))
    for path, header, rows in (
        (files.plots / "ap.csv", ("variant", primary, "low", "high", "verdict"), _scores(evidence)),
        (files.plots / "loss.csv", ("variant", "step", "loss"), _curves(evidence, "loss")),
        (files.plots / "validation.csv", ("variant", "step", primary), _curves(evidence, "val/AP")),
        (files.plots / "precision_recall.csv", ("variant", "recall", "precision"), _precision_recall(evidence)),
    ):
        write_text(path, _csv(header, rows))


def numbers(evidence: Evidence) -> dict[str, dict[str, float]]:
    """Variant -> number -> value; numbers that may not be claimed are left out."""
    found: dict[str, dict[str, float | None]] = {
        name: {
            evidence.comparison.primary: row.mean,
            "sd": row.sd,
            "seeds": row.n,
            "difference": None if name == evidence.baseline else row.delta,
            "ci_low": row.ci_low,
            "ci_high": row.ci_high,
        }
        for name, row in evidence.outcomes.items()
    }
    for name in evidence.repeats:
        again = repeat(evidence, name)
        if again:
            found[name] = {evidence.comparison.primary: again.mean, "sd": again.sd, "seeds": again.n}
    return {name: {key: value for key, value in row.items() if value is not None} for name, row in found.items()}


def _scores(evidence: Evidence) -> Iterable[Sequence[Any]]:
    """AP of each variant, with the interval of its difference set about the baseline's AP."""
    base = evidence.outcomes[evidence.baseline].mean
    for name, row in evidence.outcomes.items():
        if row.mean is not None and base is not None:
            bounds = [row.mean if bound is None else base + bound for bound in (row.ci_low, row.ci_high)]
            yield (name, row.mean, *bounds, row.verdict or "baseline")
    for name in evidence.repeats:
        again = repeat(evidence, name)
        if again:
            yield name, again.mean, again.mean, again.mean, "A/A"


def _curves(evidence: Evidence, metric: str) -> Iterable[Sequence[Any]]:
    """Mean over seeds, at no more than POINTS steps."""
    history = evidence.history[evidence.history["metric"] == metric]
    for name in evidence.names:
        mine = history[history["variant"] == name].groupby("step")["value"].mean()
        chosen = np.unique(np.linspace(0, len(mine) - 1, min(len(mine), POINTS)).astype(int)) if len(mine) else []
        yield from ((name, int(str(mine.index[i])), float(mine.iloc[i])) for i in chosen)


def _precision_recall(evidence: Evidence) -> Iterable[Sequence[Any]]:
    """At IoU .50, mean over classes and seeds."""
    for name, found in evidence.curves.variants.items():
        for recall, precision in zip(evidence.curves.recall, found.get("0.50", ()), strict=False):
            yield name, round(recall, 2), precision


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
