"""The files that a projection is made of, read once: params.yaml, the plans, and the evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd

from pipeline import study
from pipeline.common.paths import Paths
from pipeline.records import Plan
from pipeline.records.history import Reading
from pipeline.results.read import Evidence
from pipeline.results.read import read as read_evidence
from pipeline.tracking.content import Point, point

REPORT = ("ablation.md", "ablation.html", "summary.md", "figures")


@dataclass(frozen=True)
class Sources:
    """One study. `plans` are by variant; one that is not there (yet) is left out."""

    paths: Paths
    study: study.Study
    evidence: Evidence
    plans: dict[str, Plan]
    metrics: dict[tuple[str, int], dict[str, float]]
    histories: dict[tuple[str, int], tuple[Point, ...]]


def read(paths: Paths) -> Sources:
    """Raises UserError where params.yaml is wrong or the study has not been evaluated."""
    settings = study.load(paths.params)
    evidence = read_evidence(paths.evaluation)
    plans = {name: Plan.read_if_there(paths.plan(name)) for name in settings.variants}
    return Sources(
        paths=paths,
        study=settings,
        evidence=evidence,
        plans={name: plan for name, plan in plans.items() if plan},
        metrics=_metrics(evidence.metrics),
        histories=_histories(evidence.history),
    )


def at(row: Reading) -> Point:
    """The point of a row of a cell's own history.csv."""
    return point(row.metric, row.value, ms(row.time), row.step)


def ms(seconds: float) -> int:
    """Unix seconds as MLflow's timestamps."""
    return round(seconds * 1000)


def report_files(paths: Paths) -> dict[str, Path]:
    """The report where it has been rendered: {path in MLflow: file}."""
    folder = paths.reports
    found = [path for name in REPORT for path in (folder / name, *sorted((folder / name).glob("*")))]
    return {f"report/{path.relative_to(folder).as_posix()}": path for path in found if path.is_file()}


def _metrics(frame: pd.DataFrame) -> dict[tuple[str, int], dict[str, float]]:
    """{metric: value} of each run; metrics without ground truth are NaN in the table and absent here."""
    known = _by_cell(frame.dropna(subset="value"))
    return {cell: dict(zip(rows["metric"], rows["value"].tolist(), strict=True)) for cell, rows in known}


def _histories(frame: pd.DataFrame) -> dict[tuple[str, int], tuple[Point, ...]]:
    return {cell: tuple(_points(rows)) for cell, rows in _by_cell(frame)}


def _points(rows: pd.DataFrame) -> Iterator[Point]:
    columns = (rows[name].tolist() for name in ("metric", "value", "time", "step"))
    for metric, value, time, step in zip(*columns, strict=True):
        yield point(metric, value, ms(time), step)


def _by_cell(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, int], pd.DataFrame]]:
    for key, rows in frame.groupby(["variant", "seed"], sort=False):
        yield cast("tuple[str, int]", key), rows
