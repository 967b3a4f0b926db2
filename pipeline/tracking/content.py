"""What one MLflow run should hold, as the files say it: a value without MLflow in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.common.files import digest, file_sha256
from pipeline.tracking.names import mlflow_name

Identity = tuple[str, str, int, int]


class Point(NamedTuple):
    """One value of a curve; `timestamp` is in ms by the training's own clock."""

    key: str
    value: float
    timestamp: int
    step: int

    @property
    def identity(self) -> Identity:
        """What MLflow tells points apart by; text for the value, since NaN is not equal to itself."""
        return (self.key, repr(self.value), self.timestamp, self.step)


def point(name: str, value: float, timestamp: int, step: int) -> Point:
    """A point as MLflow can hold it. Infinity would be stored as 1.8e308 and ruin every chart: it becomes NaN."""
    return Point(mlflow_name(name), value if math.isfinite(value) else math.nan, timestamp, step)


class DatasetInput(NamedTuple):
    """One split as MLflow shows it: `digest` at most 36 characters, `source` and `profile` as JSON."""

    name: str
    digest: str
    context: str
    source: str
    profile: str


@dataclass(frozen=True)
class Content:
    """One run: the study's own (`study`), a variant's (`variant/<name>`) or a cell's (`cell/<variant>/<seed>/...`).

    `started` and `ended` are ms since 1970; `artifacts` maps the path in MLflow to the file; `parent`
    is the key of the run above.
    """

    key: str
    name: str
    started: int
    ended: int
    status: str = "FINISHED"
    params: dict[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    datasets: tuple[DatasetInput, ...] = ()
    artifacts: dict[str, Path] = field(default_factory=dict)
    parent: str | None = None

    @cached_property
    def digest(self) -> str:
        """Of all that a run cannot take back once it is logged. Tags and the parent may change: they are left out."""
        content: dict[str, Any] = {
            "key": self.key,
            "times": [self.started, self.ended],
            "status": self.status,
            "params": self.params,
            "points": sorted(point.identity for point in self.points),
            "datasets": self.datasets,
            "artifacts": {name: file_sha256(path) for name, path in self.artifacts.items()},
        }
        return digest(content)
