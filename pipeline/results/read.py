"""The reader of data/evaluation, checked once: all that the report is built from, and MLflow's projection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.common.errors import UserError
from pipeline.evaluation import Comparison, VariantComparison
from pipeline.records import Card, Cost, Run
from pipeline.records.results import EVALUATE, CellResult, CellResults, Curves, ErrorTypes, Example, Examples
from pipeline.records.study import StudyFacts
from pipeline.results.lacks import lacks

HISTORY = ("variant", "seed", "epoch", "step", "time", "metric", "value")
METRICS = ("variant", "seed", "metric", "value")
TYPES = {"variant": str, "seed": int, "epoch": int, "step": int, "time": float, "metric": str, "value": float}


@dataclass(frozen=True)
class EvaluationPaths:
    """The files of an evaluation folder."""

    folder: Path

    @property
    def comparison(self) -> Path:
        return self.folder / "comparison.json"

    @property
    def study(self) -> Path:
        return self.folder / "study.json"

    @property
    def cells(self) -> Path:
        return self.folder / "cells.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.csv"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def card(self) -> Path:
        return self.folder / "card.json"

    @property
    def preview(self) -> Path:
        """Some training pictures with their boxes, as the detector is fed them."""
        return self.folder / "preview.png"

    @property
    def cost(self) -> Path:
        return self.folder / "cost.json"

    @property
    def curves(self) -> Path:
        return self.folder / "curves.json"

    @property
    def errors(self) -> Path:
        return self.folder / "errors.json"

    @property
    def boxes(self) -> Path:
        return self.folder / "boxes.json"

    @property
    def examples(self) -> Path:
        return self.folder / "examples.json"

    @property
    def numbers(self) -> Path:
        """What `dvc metrics` shows."""
        return self.folder / "numbers.json"

    @property
    def plots(self) -> Path:
        """The tables that `dvc plots` draws."""
        return self.folder / "plots"


@dataclass(frozen=True)
class Evidence:
    """The files of one evaluation."""

    folder: Path
    comparison: Comparison
    study: StudyFacts
    metrics: pd.DataFrame  # columns METRICS; value is NaN where there is no ground truth
    cells: list[CellResult]
    history: pd.DataFrame  # columns HISTORY
    card: Card
    cost: Cost
    curves: Curves
    errors: ErrorTypes
    examples: list[Example]

    @property
    def baseline(self) -> str:
        return self.comparison.baseline

    @property
    def outcomes(self) -> dict[str, VariantComparison]:
        """The compared variants, baseline first, then by difference, the largest first."""
        variants = self.comparison.variants

        def key(name: str) -> tuple[bool, bool, float]:
            delta = variants[name].delta
            return name != self.baseline, delta is None, -(delta or 0.0)

        return {name: variants[name] for name in sorted(variants, key=key)}

    @property
    def repeats(self) -> list[str]:
        """The A/A variants: the baseline trained again. They measure noise and are no comparison."""
        return self.study.repeats

    @property
    def names(self) -> list[str]:
        """Every variant of the study in the report's order, the A/A variants last."""
        return [*self.outcomes, *self.repeats]

    @property
    def others(self) -> list[str]:
        """The variants that are compared with the baseline."""
        return [name for name in self.outcomes if name != self.baseline]

    @property
    def runs(self) -> dict[tuple[str, int], Run]:
        """run.json of every finished cell."""
        return {(cell.variant, cell.seed): cell.run for cell in self.cells if cell.run}


def read(folder: Path) -> Evidence:
    """Read an evaluation folder. Raises UserError naming the file that is missing or not as expected."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {EVALUATE} writes it")
    files = EvaluationPaths(folder)
    evidence = Evidence(
        folder=folder,
        comparison=Comparison.read(files.comparison),
        study=StudyFacts.read(files.study),
        metrics=_csv(files.metrics, METRICS),
        cells=CellResults.read(files.cells).cells,
        history=_csv(files.history, HISTORY),
        card=Card.read(files.card),
        cost=Cost.read(files.cost),
        curves=Curves.read(files.curves),
        errors=ErrorTypes.read(files.errors),
        examples=Examples.read(files.examples).examples,
    )
    for name, lack in lacks(evidence):
        raise UserError(f"{folder / name}: {lack}; {EVALUATE} writes it")
    return evidence


def _csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: no such file; {EVALUATE} writes it")
    # A variant may be named "nan" or "null": only of a value these mean that there is none.
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values={"value": ["", "nan"]}, dtype=TYPES)
    except (ValueError, OverflowError) as error:
        text = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: damaged, not a table ({text}); {EVALUATE} writes it") from None
    if tuple(frame.columns) != columns:
        raise UserError(f"{path}: columns {', '.join(map(str, frame.columns))[:120]}; expected {', '.join(columns)}")
    return frame
