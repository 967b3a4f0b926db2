"""What a section is made of besides its sentences: alerts, tables, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.report.text import Markdown


@dataclass(frozen=True)
class Alert:
    """A box that no reader misses: what may not be claimed, and why."""

    kind: Literal["NOTE", "IMPORTANT", "WARNING", "CAUTION"]
    lines: Sequence[str]


@dataclass(frozen=True)
class Entry:
    """One entry of a table. `sort` orders the column in the html; without it the text does."""

    text: str
    sort: float | None = None


@dataclass(frozen=True)
class Column:
    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """`name` says what the table holds, for those who hear it and do not see it. A `narrow` one breaks its cells into
    lines, so that a page shows it whole and a phone its first four columns.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]
    narrow: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure as files: the picture beside the Markdown, and SVG (with its data on hover) for the html."""

    suffix: Literal["png", "webp"]
    picture: bytes
    size: tuple[int, int]
    svg: str | None = None


class Plot(Protocol):
    def draw(self, name: str) -> Drawing: ...


@dataclass(frozen=True)
class Figure:
    """`name` is the file's stem; `alt` states the finding; `caption` says n, k and what the bars are."""

    name: str
    alt: str
    caption: Markdown
    plot: Plot
