"""What looks at a study decided, and how often it was looked at."""

from __future__ import annotations

from typing import ClassVar

from pipeline.records.base import Part, Record


class Decision(Part):
    """What one look decided: variant -> better, worse, equivalent, futile or open. `key` is a digest of all it saw."""

    key: str
    seeds: int
    alpha: float
    decisions: dict[str, str]


class Decisions(Record):
    """The looks of an adaptive study that were worked out."""

    looks: list[Decision]


class Looked(Record):
    """Study, as a digest of its data, plans and settings -> the numbers of seeds at which it was judged, rising."""

    WAY_OUT: ClassVar[str] = "`git checkout` of that file brings back what was committed"

    studies: dict[str, list[int]]


class Beyond(Record):
    """Which cells beyond variants x seeds are collected, and the looks that asked for them."""

    cells: list[str]
    looks: list[Decision]
