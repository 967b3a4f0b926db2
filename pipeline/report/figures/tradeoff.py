"""Accuracy against cost: one panel a kind of cost, the same height for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas

ROUNDS = 400  # of moving names apart
LABEL_ALL = 14  # up to so many points, each has its name; beyond, only the front and the baseline


@dataclass(frozen=True)
class Point:
    """A variant: its cost with the quartiles (None: exact), its accuracy with the SD over seeds."""

    name: str
    cost: float
    low: float | None
    high: float | None
    accuracy: float
    sd: float | None
    front: bool


@dataclass(frozen=True)
class Panel:
    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Tradeoff:
    panels: Sequence[Panel]
    metric: str
    baseline: str

    def draw(self, name: str) -> Drawing:
        with canvas.theme():
            figure = canvas.figure(3.6)
            first: Axes | None = None
            tips: dict[str, str] = {}
            drawn = []
            for index, panel in enumerate(self.panels):
                axes = figure.add_subplot(1, len(self.panels), index + 1, sharey=first)
                tips |= self._points(axes, panel, index)
                if first is None:
                    axes.set_ylabel(self.metric)
                first = first or axes
                drawn.append((axes, panel))
            canvas.settle(figure)  # names find their places in the final layout
            for axes, panel in drawn:
                self._names(axes, panel)
            return canvas.save(figure, name, tips)

    def _points(self, axes: Axes, panel: Panel, index: int) -> dict[str, str]:
        tips = {}
        front = sorted((point for point in panel.points if point.front), key=lambda point: point.cost)
        axes.step(
            [point.cost for point in front],
            [point.accuracy for point in front],
            where="post",
            color=canvas.BLUE,
            linewidth=1,
            alpha=0.7,
        )
        for number, point in enumerate(panel.points):
            colour, marker = self._look(point)
            x, y = point.cost, point.accuracy
            spread = None if point.low is None or point.high is None else [[x - point.low], [point.high - x]]
            axes.errorbar(x, y, xerr=spread, yerr=point.sd, color=colour, elinewidth=0.9, alpha=0.55, fmt="none")
            gid = f"tip{index}x{number}"
            axes.plot(x, y, marker, color=colour, markersize=6, markeredgecolor=canvas.PAPER, gid=gid)
            tips[gid] = f"{point.name}: {self.metric} {point.accuracy:.3f}, {panel.label} {point.cost:.4g}"
        axes.margins(0.14)
        axes.set_xlabel(panel.label)
        axes.grid(color=canvas.RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.ticklabel_format(useOffset=False)
        axes.locator_params(nbins=6)
        return tips

    def _look(self, point: Point) -> tuple[str, str]:
        if point.name == self.baseline:
            return canvas.INK, "s"
        return (canvas.BLUE, "D") if point.front else (canvas.MUTED, "o")

    def _names(self, axes: Axes, panel: Panel) -> None:
        """Write each name beside its point, where it hides neither a point nor another name, with a line to its point
        where it had to move away.
        """
        everyone = len(panel.points) <= LABEL_ALL
        named = [point for point in panel.points if everyone or point.front or point.name == self.baseline]
        texts = [
            axes.text(
                point.cost, point.accuracy, canvas.short(point.name, 18), fontsize=7.5, color=self._look(point)[0]
            )
            for point in named
        ]
        before = np.random.get_state()
        np.random.seed(0)  # it shifts names that coincide at random: the same figure must have the same bytes
        adjust_text(
            texts,
            x=[point.cost for point in panel.points],
            y=[point.accuracy for point in panel.points],
            ax=axes,
            expand=(1.15, 1.6),
            iter_lim=ROUNDS,  # not the clock
            arrowprops={"arrowstyle": "-", "color": canvas.MUTED, "linewidth": 0.5},
        )
        np.random.set_state(before)
