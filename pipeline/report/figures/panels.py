"""Small multiples: each variant in its own panel, above the baseline in grey, on the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas

DASHES = ["-", (0, (4, 1.5)), (0, (1, 1.2))]  # a style besides the colour


@dataclass(frozen=True)
class Line:
    """A curve, and the band of its seeds where there is one; `style` numbers the dash."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    style: int = 0


@dataclass(frozen=True)
class Panels:
    """`lines` of each variant; those of the baseline stand behind all of them."""

    baseline: str
    lines: Mapping[str, Sequence[Line]]
    x_label: str
    y_label: str
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None

    def draw(self, name: str) -> Drawing:
        with canvas.theme():
            return self._draw(name)

    def _draw(self, name: str) -> Drawing:
        shown = [variant for variant in self.lines if variant != self.baseline] or [self.baseline]
        columns = min(len(shown), 4 if len(shown) <= 12 else 6)
        rows = math.ceil(len(shown) / columns)
        width = canvas.WIDTH if columns > 2 else 4.2 * columns
        figure = canvas.figure(0.5 + (1.55 if columns <= 4 else 1.2) * rows + (0.9 if rows == 1 else 0), width)
        first: Axes | None = None
        tips = {}
        for index, variant in enumerate(shown):
            axes = figure.add_subplot(rows, columns, index + 1, sharex=first, sharey=first)
            first = first or axes
            if variant != self.baseline:
                self._curves(axes, self.baseline, canvas.MUTED)
            gid = f"tip{index}"
            self._curves(axes, variant, canvas.BLUE, gid)
            tips[gid] = f"{variant} (blue) and {self.baseline} (grey)"
            axes.set_title(canvas.short(variant, 22), loc="left", color=canvas.BLUE, pad=3)
            axes.grid(color=canvas.RULE, linewidth=0.5)
            axes.label_outer()
            bottom = index + columns >= len(shown)
            axes.tick_params(labelbottom=bottom)
        assert first is not None  # there is a baseline
        first.set(xlim=self.x_limits, ylim=self.y_limits)
        figure.supxlabel(self.x_label, fontsize=8.5)
        figure.supylabel(self.y_label, fontsize=8.5)
        return canvas.save(figure, name, tips)

    def _curves(self, axes: Axes, variant: str, colour: str, gid: str | None = None) -> None:
        for line in self.lines.get(variant, ()):
            if line.low is not None and line.high is not None:
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(line.x, line.y, color=colour, linewidth=1.3, linestyle=DASHES[line.style], gid=gid)
