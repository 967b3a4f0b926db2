"""Differences as a table of colours: diverging, centred on zero, and the number in every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas

SHADES = ["#b34a00", "#f3b68a", "#f7f7f7", "#9ccbe8", "#005f96"]  # vermilion to blue, light in the middle
DIVERGING = LinearSegmentedColormap.from_list("difference", SHADES)
NO_CLAIM = "#e3e6ea"  # cells with too few boxes, or without a value


@dataclass(frozen=True)
class Heatmap:
    """`values` colour the cells (None: no colour), `texts` stand in them; both rows x columns.

    `less_is_better` turns the colours round, for errors.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    less_is_better: bool = False

    def draw(self, name: str) -> Drawing:
        with canvas.theme([*self.rows, *self.columns]):
            return self._draw(name)

    def _draw(self, name: str) -> Drawing:
        height = 0.34 * len(self.rows) + 1.0
        width = min(canvas.WIDTH, 2.2 + 1.15 * len(self.columns))
        figure = canvas.figure(height, width)
        axes = figure.add_subplot()
        values = np.array(self.values, dtype=float)
        values = -values if self.less_is_better else values
        limit = max(np.nanmax(np.abs(values), initial=0.0), 0.01)
        axes.set_facecolor(NO_CLAIM)
        sns.heatmap(
            values,
            ax=axes,
            cmap=DIVERGING,
            vmin=-limit,
            vmax=limit,
            cbar=False,
            linewidths=1.2,
            linecolor=canvas.PAPER,
            mask=np.isnan(values),
        )
        size = 7.5 if len(self.columns) <= 8 else 6.2
        for y, row in enumerate(self.texts):
            for x, text in enumerate(row):
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    text,
                    ha="center",
                    va="center",
                    fontsize=size,
                    linespacing=1.05,
                    color=_readable(values[y, x] / limit),
                )
        axes.set_xticks(np.arange(len(self.columns)) + 0.5, [canvas.short(column, 22) for column in self.columns])
        axes.set_yticks(np.arange(len(self.rows)) + 0.5, [canvas.short(row) for row in self.rows], rotation=0)
        room = 10 * (width - 2) / len(self.columns)  # characters that fit above a column
        crowded = max(map(len, self.columns)) > room
        axes.tick_params(axis="x", rotation=30 if crowded else 0, length=0, labeltop=True, labelbottom=False)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("left" if crowded else "center")
            label.set_rotation_mode("anchor")
        axes.tick_params(axis="y", length=0)
        return canvas.save(figure, name)


def _readable(share: float) -> str:
    """The text colour with the better contrast on a cell's colour (WCAG's relative luminance)."""
    if np.isnan(share):
        return canvas.ON_LIGHT
    red, green, blue = (((c + 0.055) / 1.055) ** 2.4 for c in DIVERGING((share + 1) / 2)[:3])
    return canvas.ON_DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else canvas.ON_LIGHT
