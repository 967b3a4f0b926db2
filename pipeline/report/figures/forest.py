"""Forest plot: every variant's difference from the baseline, with all that the verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas
from pipeline.report.words import REPEAT, VERDICTS, interval, signed

# A shape and a word besides every colour.
LOOKS = {
    "better": (canvas.BLUE, "^"),
    "worse": (canvas.VERMILION, "v"),
    "equivalent": (canvas.GREEN, "s"),
    "not_shown": (canvas.MUTED, "o"),
    "not_claimed": (canvas.MUTED, "D"),
    "repeat": (canvas.INK, "P"),
}
WORDS = {**VERDICTS, "repeat": REPEAT}


@dataclass(frozen=True)
class Row:
    """A variant: mean difference, its interval (None where nothing is claimed), one value a seed. `verdict` is one of
    LOOKS; an A/A variant's is `repeat`.
    """

    name: str
    delta: float
    low: float | None
    high: float | None
    verdict: str
    seed_deltas: Sequence[float]


@dataclass(frozen=True)
class Forest:
    rows: Sequence[Row]
    metric: str
    baseline: str
    equivalence: float

    def draw(self, name: str) -> Drawing:
        with canvas.theme():
            return self._draw(name)

    def _draw(self, name: str) -> Drawing:
        figure = canvas.figure(1.1 + 0.27 * len(self.rows))
        axes = figure.add_subplot()
        tips = {}
        axes.axvspan(-self.equivalence, self.equivalence, color=canvas.SKY, alpha=0.22, linewidth=0)
        axes.axvline(0, color=canvas.MUTED, linewidth=1)
        for y, row in enumerate(self.rows):
            colour, marker = LOOKS[row.verdict]
            for delta in row.seed_deltas:
                axes.plot(delta, y + 0.24, ".", color=canvas.MUTED, alpha=0.75, markersize=6, markeredgewidth=0)
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
            gid = f"tip{y}"
            axes.plot(row.delta, y, marker, color=colour, markersize=6, markeredgecolor=canvas.PAPER, gid=gid)
            tips[gid] = f"{row.name}: {signed(row.delta)} {interval(row.low, row.high)}, {WORDS[row.verdict]}"
            axes.annotate(
                f"{signed(row.delta)}\u2002{WORDS[row.verdict]}",
                (1.01, y),
                xycoords=axes.get_yaxis_transform(),
                va="center",
                color=colour,
                fontsize=8,
                annotation_clip=False,
            )
        axes.set_yticks(range(len(self.rows)), [canvas.short(row.name) for row in self.rows])
        axes.set_ylim(len(self.rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.04)
        axes.grid(axis="x", color=canvas.RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        what = f"difference in {self.metric} from {canvas.short(self.baseline)}"
        axes.set_xlabel(f"← worse\u2003{what}\u2003better →")  # SVG keeps no two spaces, but it keeps wide ones
        return canvas.save(figure, name, tips)
