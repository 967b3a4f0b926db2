"""What all figures share: colours, type, and files whose bytes depend on nothing but the data."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pipeline.common.text import plain
from pipeline.report.blocks import Drawing
from pipeline.report.figures.fonts import families

# In the html these colours become custom properties, which its dark theme changes.
INK, MUTED, RULE, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"
ON_LIGHT, ON_DARK = "#000000", "#ffffff"  # text inside a coloured cell, the same in both themes
# Okabe and Ito (2008): colours that the common forms of colour blindness tell apart.
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
ROLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", BLUE: "blue", VERMILION: "red", GREEN: "green"}

WIDTH = 8.3  # inches: GitHub shows about 830 CSS pixels
DPI = 200  # twice that, for dense screens
PIXELS = 6_000_000  # of a picture: 200 rows at the width that GitHub shows
LIMIT = 190_000  # bytes of a picture: beside the Markdown it must load at once

THEME: Any = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("paper"),
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.parse_math": False,  # a class may be named $x$
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # letters as text: a third of the bytes, and found by a search in the page
    "svg.hashsalt": "report",
    "path.simplify": True,
}


def theme(texts: Iterable[str] = ()) -> Any:
    """The context in which every figure is made and saved; `texts` may need other fonts than matplotlib's own."""
    return mpl.rc_context({**THEME, "font.family": families(texts)})


def figure(height: float, width: float = WIDTH, *, by_hand: bool = False) -> Figure:
    """An empty figure, in inches, laid out by matplotlib unless the margins are set `by_hand`."""
    made = Figure(figsize=(width, height), layout=None if by_hand else "constrained")
    FigureCanvasAgg(made)
    return made


def settle(made: Figure) -> None:
    """Lay out once; matplotlib would do so again for each file, which is most of the time it takes."""
    engine = made.get_layout_engine()
    if engine is not None:
        engine.execute(made)
        made.set_layout_engine("none")


def short(name: str, most: int = 26) -> str:
    """A name that fits a label."""
    name = plain(name)
    return name if len(name) <= most else name[: most - 1] + "…"


def save(made: Figure, name: str, tips: Mapping[str, str] | None = None) -> Drawing:
    """Both files of a drawn figure. `tips` maps an artist's gid to the text shown on hover in the SVG."""
    picture, vector = io.BytesIO(), io.BytesIO()
    settle(made)
    made.savefig(picture, format="png", dpi=_dots(made), metadata={"Software": None})
    made.patch.set_visible(False)  # the page shows through, light or dark
    made.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    data, size = compact(Image.open(picture))
    return Drawing("png", data, size, _inline(vector.getvalue().decode(), name, tips or {}))


def _dots(made: Figure) -> float:
    """Dots an inch: DPI, and fewer for a figure of many rows, which would take minutes to pack; its SVG stays sharp."""
    width, height = made.get_size_inches()
    return min(DPI, math.sqrt(PIXELS / (width * height)))


def compact(image: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """A flat picture as PNG with the largest palette that stays below LIMIT: a third of the bytes, no visible loss."""
    for colours in (128, 64, 32, 16):
        packed = io.BytesIO()
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(packed, format="png", optimize=True)
        if packed.tell() <= LIMIT:
            break
    return packed.getvalue(), image.size


def _inline(svg: str, name: str, tips: Mapping[str, str]) -> str:
    """Matplotlib's SVG made fit to stand with others in one page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\b(d|points)="[^"]*"', lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    svg = svg.replace("font-family: 'DejaVu Sans'; ", "")  # the page names a family, and others for want of it
    for gid, tip in tips.items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}" class="tip"><title>{escape(tip)}</title>')
    for colour, role in ROLES.items():
        svg = svg.replace(colour, f"var(--{role})")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()
