"""The files that a projection is made of, read once: params.yaml and what the stages wrote."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import study
from pipeline.common.errors import UserError
from pipeline.common.files import read_json
from pipeline.tracking.record import Point, point

REPORT = ("ablation.md", "ablation.html", "figures")


@dataclass(frozen=True)
class Sources:
    """One study under `root`. `histories` and `metrics` are by variant and seed; `plans` by variant."""

    root: Path
    study: study.Study
    facts: dict[str, Any]  # study.json
    comparison: dict[str, Any]
    cells: list[dict[str, Any]]
    card: dict[str, Any]
    cost: dict[str, Any]
    plans: dict[str, dict[str, Any]]
    metrics: dict[tuple[str, int], dict[str, float]]
    histories: dict[tuple[str, int], tuple[Point, ...]]


def read(root: Path) -> Sources:
    """Raises UserError where params.yaml is wrong or the study has not been evaluated."""
    settings = study.load(root / "params.yaml")
    evaluation = root / "data/evaluation"
    if not (evaluation / "comparison.json").exists():
        raise UserError(f"{evaluation / 'comparison.json'}: no such file; `dvc repro evaluate` writes it")
    plans = {name: root / f"data/plans/{name}.json" for name in settings.variants}
    return Sources(
        root=root,
        study=settings,
        facts=read_json(evaluation / "study.json"),
        comparison=read_json(evaluation / "comparison.json"),
        cells=read_json(evaluation / "cells.json"),
        card=_optional(evaluation / "card.json"),
        cost=_optional(evaluation / "cost.json"),
        plans={name: read_json(path) for name, path in plans.items() if path.exists()},
        metrics=_final_metrics(evaluation / "metrics.csv"),
        histories=_histories(evaluation / "history.csv"),
    )


def curve(lines: Iterable[str]) -> tuple[Point, ...]:
    """The points of a history.csv, its header first."""
    return _curve(csv.DictReader(lines))


def _curve(rows: Iterable[dict[str, str]]) -> tuple[Point, ...]:
    return tuple(point(row["metric"], float(row["value"]), ms(float(row["time"])), int(row["step"])) for row in rows)


def ms(seconds: float) -> int:
    """Unix seconds as MLflow's timestamps."""
    return round(seconds * 1000)


def report_files(root: Path) -> dict[str, Path]:
    """The report where it has been rendered: {path in MLflow: file}."""
    folder = root / "reports"
    found = [path for name in REPORT for path in (folder / name, *sorted((folder / name).glob("*")))]
    return {f"report/{path.relative_to(folder).as_posix()}": path for path in found if path.is_file()}


def _optional(path: Path) -> dict[str, Any]:
    return dict(read_json(path)) if path.exists() else {}


def _final_metrics(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Metrics without ground truth are empty in the file and absent here."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"]:
                found.setdefault((row["variant"], int(row["seed"])), {})[row["metric"]] = float(row["value"])
    return found


def _histories(path: Path) -> dict[tuple[str, int], tuple[Point, ...]]:
    rows: dict[tuple[str, int], list[dict[str, str]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["variant"], int(row["seed"])), []).append(row)
    return {cell: _curve(found) for cell, found in rows.items()}
