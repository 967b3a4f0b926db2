"""The folder data/evaluation, read and checked once: all that a report is built from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.common.errors import UserError

SCHEMA = 1
HISTORY = ["variant", "seed", "epoch", "step", "time", "metric", "value"]
METRICS = ["variant", "seed", "metric", "value"]


@dataclass(frozen=True)
class Evidence:
    """The parsed files of one evaluation; those that may be missing are empty then."""

    folder: Path
    comparison: dict[str, Any]
    study: dict[str, Any]
    metrics: pd.DataFrame  # columns METRICS; value is NaN where there is no ground truth
    cells: list[dict[str, Any]]
    history: pd.DataFrame  # columns HISTORY
    card: dict[str, Any]
    cost: dict[str, Any]
    curves: dict[str, Any]
    errors: dict[str, Any]
    examples: list[dict[str, Any]]

    @property
    def baseline(self) -> str:
        return str(self.comparison["baseline"])

    @property
    def outcomes(self) -> dict[str, dict[str, Any]]:
        """The compared variants, baseline first, then by difference, the largest first."""
        variants: dict[str, dict[str, Any]] = self.comparison["variants"]

        def key(name: str) -> tuple[bool, bool, float]:
            delta = variants[name].get("delta")
            return name != self.baseline, delta is None, -(delta or 0.0)

        return {name: variants[name] for name in sorted(variants, key=key)}

    @property
    def names(self) -> list[str]:
        """Every variant of the study in the report's order; those without any finished run come last."""
        compared = list(self.outcomes)
        return compared + [name for name in self.study["variants"] if name not in self.comparison["variants"]]

    @property
    def others(self) -> list[str]:
        return [name for name in self.names if name != self.baseline]

    @property
    def seeds(self) -> list[int]:
        return [int(seed) for seed in self.comparison["seeds"]]

    @property
    def runs(self) -> dict[tuple[str, int], dict[str, Any]]:
        """run.json of every finished cell."""
        return {(cell["variant"], int(cell["seed"])): cell["run"] for cell in self.cells if cell.get("run")}


def read(folder: Path) -> Evidence:
    """Read an evaluation folder. Raises UserError naming the file that is missing or not as expected."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; `dvc repro evaluate` writes it")
    comparison, study = _json(folder / "comparison.json"), _json(folder / "study.json")
    for name, content in (("comparison.json", comparison), ("study.json", study)):
        if content.get("schema") != SCHEMA:
            raise UserError(f"{folder / name}: schema {content.get('schema')!r}; this report reads schema {SCHEMA}")
    if comparison["baseline"] not in comparison["variants"]:
        raise UserError(f"{folder / 'comparison.json'}: the baseline {comparison['baseline']!r} has no runs")
    return Evidence(
        folder=folder,
        comparison=comparison,
        study=study,
        metrics=_csv(folder / "metrics.csv", METRICS),
        cells=_json(folder / "cells.json"),
        history=_csv(folder / "history.csv", HISTORY, optional=True),
        card=_json(folder / "card.json", {}),
        cost=_json(folder / "cost.json", {}),
        curves=_json(folder / "curves.json", {}),
        errors=_json(folder / "errors.json", {}),
        examples=_json(folder / "examples.json", []),
    )


def _json(path: Path, missing: Any = None) -> Any:
    if not path.is_file():
        if missing is None:
            raise UserError(f"{path}: no such file; `dvc repro evaluate` writes it")
        return missing
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None


def _csv(path: Path, columns: list[str], optional: bool = False) -> pd.DataFrame:
    if not path.is_file():
        if optional:
            return pd.DataFrame(columns=columns)
        raise UserError(f"{path}: no such file; `dvc repro evaluate` writes it")
    # A variant may be named "nan" or "null": only an empty field is no value.
    frame = pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}, dtype={"variant": str})
    if list(frame.columns) != columns:
        raise UserError(f"{path}: columns {', '.join(frame.columns)}; expected {', '.join(columns)}")
    return frame
