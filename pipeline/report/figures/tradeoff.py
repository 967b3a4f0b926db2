"""Accuracy against cost: one panel a kind of cost, the same height for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Bbox

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas

LABEL_ALL = 14  # up to so many points, each has its name; beyond, only the front and the baseline
# Where a name may stand beside its point, in points; the first free place is taken.
PLACES = [(5, 8), (-5, 8), (5, -8), (-5, -8), (9, 0), (-9, 0), (5, 17), (-5, 17), (5, -17), (-5, -17)]


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
        """Write each name at the first place beside its point that hides no point and no other name."""
        renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
        centres = axes.transData.transform([(point.cost, point.accuracy) for point in panel.points])
        taken = [Bbox.from_extents(x - 6, y - 6, x + 6, y + 6) for x, y in centres]
        taken += [bar.get_window_extent(renderer).padded(1) for bar in axes.collections]
        everyone = len(panel.points) <= LABEL_ALL
        for point in sorted(panel.points, key=lambda point: (not point.front, -point.accuracy)):
            if everyone or point.front or point.name == self.baseline:
                taken.append(self._name(axes, point, taken, renderer))

    def _name(self, axes: Axes, point: Point, taken: list[Bbox], renderer: RendererAgg) -> Bbox:
        text = axes.annotate(
            canvas.short(point.name, 18),
            (point.cost, point.accuracy),
            xytext=PLACES[0],
            textcoords="offset points",
            fontsize=7.5,
            color=self._look(point)[0],
            va="center",
            bbox={"facecolor": canvas.PAPER, "alpha": 0.7, "linewidth": 0, "pad": 0.4},
        )
        frame = axes.get_window_extent(renderer)
        boxes = []
        for x, y in PLACES:
            text.set_position((x, y))
            text.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
            box = text.get_window_extent(renderer)
            hidden = sum(max(_overlap(box, other), 0.0) for other in taken)
            outside = max(frame.x0 - box.x0, 0) + max(box.x1 - frame.x1, 0)
            boxes.append((hidden + 40 * outside, x, y, box))
            if boxes[-1][0] == 0:
                break
        best = int(np.argmin([item[0] for item in boxes]))
        _, x, y, box = boxes[best]
        text.set_position((x, y))
        text.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
        return box


def _overlap(a: Bbox, b: Bbox) -> float:
    """Area common to two boxes, in square pixels."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0
