"""A module's difference from the baseline over the values of one of its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas
from pipeline.report.words import interval, signed

# A shape besides every colour.
LOOKS = [
    (canvas.BLUE, "o"),
    (canvas.VERMILION, "s"),
    (canvas.GREEN, "^"),
    (canvas.PURPLE, "D"),
    (canvas.ORANGE, "v"),
    (canvas.INK, "P"),
]
APART = 0.012  # of the axis, between the bars of two lines at one value


@dataclass(frozen=True)
class Point:
    """A variant: the option's value, its mean difference and the interval (None where nothing is claimed)."""

    value: float
    delta: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """Variants that differ in the option alone; `label` says what all else is."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Sweep:
    lines: Sequence[Line]
    option: str
    metric: str
    baseline: str
    equivalence: float

    def draw(self, name: str) -> Drawing:
        with canvas.theme():
            return self._draw(name)

    def _draw(self, name: str) -> Drawing:
        figure = canvas.figure(3.2)
        axes = figure.add_subplot()
        axes.axhspan(-self.equivalence, self.equivalence, color=canvas.SKY, alpha=0.22, linewidth=0)
        axes.axhline(0, color=canvas.MUTED, linewidth=1)
        values = sorted({point.value for line in self.lines for point in line.points})
        places = {value: place for place, value in enumerate(values)}  # evenly, as swept values are chosen
        tips = {}
        for number, line in enumerate(self.lines):
            colour, marker = LOOKS[number % len(LOOKS)]
            shift = (number - (len(self.lines) - 1) / 2) * APART * len(values)
            x = [places[point.value] + shift for point in line.points]
            y = [point.delta for point in line.points]
            axes.plot(x, y, color=colour, linewidth=1, alpha=0.6)
            for index, (place, point) in enumerate(zip(x, line.points, strict=True)):
                if point.low is not None and point.high is not None:
                    axes.plot([place, place], [point.low, point.high], color=colour, linewidth=1.6)
                gid = f"tip{number}x{index}"
                axes.plot(place, point.delta, marker, color=colour, markeredgecolor=canvas.PAPER, markersize=6, gid=gid)
                what = f"{self.option} {point.value:g}{f', {line.label}' if line.label else ''}"
                tips[gid] = f"{what}: {signed(point.delta)} {interval(point.low, point.high)}"
            if line.label:
                axes.plot([], [], f"{marker}-", color=colour, label=canvas.short(line.label, 40))
        if any(line.label for line in self.lines):
            axes.legend(frameon=False, fontsize=8, loc="best")
        axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        axes.margins(x=0.08)
        axes.set_xlabel(self.option)
        axes.set_ylabel(f"difference in {self.metric} from {canvas.short(self.baseline)}")
        axes.grid(axis="y", color=canvas.RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        return canvas.save(figure, name, tips)
