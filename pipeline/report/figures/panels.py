"""Small multiples: each variant in its own panel, above the baseline in grey, on the same axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

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

    def draw(self, name: str) -> Drawing:
        with canvas.theme():
            return self._draw(name)

    def _draw(self, name: str) -> Drawing:
        shown = [variant for variant in self.lines if variant != self.baseline] or [self.baseline]
        columns = min(len(shown), 4 if len(shown) <= 12 else 6)
        rows = math.ceil(len(shown) / columns)
        width = canvas.WIDTH if columns > 2 else 4.2 * columns
        height = 0.65 + (2.6 if rows == 1 else 1.55 if columns <= 4 else 1.2) * rows
        # All panels have the same axes: margins in inches do, and a layout engine takes seconds for forty.
        figure = canvas.figure(height, width, by_hand=True)
        figure.subplots_adjust(0.62 / width, 0.55 / height, 1 - 0.12 / width, 1 - 0.25 / height, 0.12, 0.28)
        ticks = self._ticks()
        tips = {}
        for index, variant in enumerate(shown):
            axes = figure.add_subplot(rows, columns, index + 1)
            if variant != self.baseline:
                self._curves(axes, self.baseline, canvas.MUTED)
            gid = f"tip{index}"
            self._curves(axes, variant, canvas.BLUE, gid)
            tips[gid] = f"{variant} (blue) and {self.baseline} (grey)"
            axes.set_title(canvas.short(variant, 22), loc="left", color=canvas.BLUE, pad=3)
            axes.grid(color=canvas.RULE, linewidth=0.5)
            axes.set(xlim=(ticks[0][0], ticks[0][-1]), ylim=(ticks[1][0], ticks[1][-1]))
            axes.set_xticks(
                ticks[0][1:-1], labels=None if index + columns >= len(shown) else [""] * (len(ticks[0]) - 2)
            )
            axes.set_yticks(ticks[1][1:-1], labels=None if index % columns == 0 else [""] * (len(ticks[1]) - 2))
        figure.supxlabel(self.x_label, fontsize=8.5, y=0.06 / height)
        figure.supylabel(self.y_label, fontsize=8.5, x=0.04 / width)
        return canvas.save(figure, name, tips)

    def _ticks(self) -> tuple[list[float], list[float]]:
        """For x and for y: the lower limit, round ticks, the upper limit, the same for all panels."""
        every = [line for lines in self.lines.values() for line in lines]
        xs = [value for line in every for value in line.x]
        ys = [value for line in every for edge in (line.y, line.low, line.high) if edge is not None for value in edge]
        return _round(min(xs), max(xs)), _round(min(ys), max(ys))

    def _curves(self, axes: Axes, variant: str, colour: str, gid: str | None = None) -> None:
        for line in self.lines.get(variant, ()):
            if line.low is not None and line.high is not None:
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(line.x, line.y, color=colour, linewidth=1.3, linestyle=DASHES[line.style], gid=gid)


def _round(low: float, high: float) -> list[float]:
    """Limits with a little air, and the round numbers between them."""
    air = 0.03 * (high - low) or 0.5
    ticks = MaxNLocator(4).tick_values(low, high)
    return [low - air, *(float(tick) for tick in ticks if low - air < tick < high + air), high + air]
