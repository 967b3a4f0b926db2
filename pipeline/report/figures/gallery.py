"""One image as ground truth, baseline and every variant saw it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pipeline.records.results import BoxOutcome
from pipeline.report.blocks import Drawing
from pipeline.report.figures import canvas
from pipeline.report.figures.fonts import OWN_FILE, file_of

WIDTH = 1660  # pixels: twice what GitHub shows
LIMIT = 80_000  # bytes, where a quality of 20 or more allows: the html holds half a dozen of them
TITLE = 34  # pixels above each panel
Corners = tuple[float, float, float, float]
# Colour, dash length (0: solid) and the sign before the label.
LOOKS: dict[BoxOutcome, tuple[str, int, str]] = {
    "truth": ("#ffffff", 0, ""),
    "crowd": ("#ffffff", 6, "∷ "),
    "found": (canvas.SKY, 0, ""),
    "false": (canvas.ORANGE, 9, "× "),
    "ignored": ("#b8c0c8", 0, "○ "),
    "missed": (canvas.PURPLE, 3, "? "),
}


@dataclass(frozen=True)
class Mark:
    """A box [x, y, w, h] in the image's own pixels, what it is, and the words beside it."""

    box: Sequence[float]
    outcome: BoxOutcome
    label: str


@dataclass(frozen=True)
class View:
    title: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Gallery:
    """`size` is the image's own width and height, in which the boxes are given; `picture` may be a smaller copy."""

    picture: Path
    size: tuple[int, int]
    views: Sequence[View]

    def draw(self, name: str) -> Drawing:
        columns = min(len(self.views), 3 if len(self.views) <= 6 else 4 if len(self.views) <= 16 else 6)
        gap = 8
        width = (WIDTH - gap * (columns - 1)) // columns
        height = round(width * self.size[1] / self.size[0])
        rows = math.ceil(len(self.views) / columns)
        sheet = Image.new("RGB", (WIDTH, rows * (height + TITLE + gap) - gap), canvas.PAPER)
        ground = self._ground(width, height)
        pen = ImageDraw.Draw(sheet)
        for index, view in enumerate(self.views):
            x, y = index % columns * (width + gap), index // columns * (height + TITLE + gap)
            font = _font(21 if columns < 6 else 17)
            pen.text((x + 2, y + 5), canvas.short(view.title, 30), fill=canvas.INK, font=font)
            panel = ground.copy()
            _paint(panel, view.marks, width / self.size[0], words=columns < 6)
            sheet.paste(panel, (x, y + TITLE))
        return Drawing("webp", webp(sheet), sheet.size)

    def _ground(self, width: int, height: int) -> Image.Image:
        with Image.open(self.picture) as image:
            return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _paint(panel: Image.Image, marks: Sequence[Mark], scale: float, words: bool) -> None:
    """Boxes first, then what stands beside them: the sign alone where the panels are too small for `words`."""
    pen = ImageDraw.Draw(panel)
    taken: list[Corners] = []
    for mark in marks:
        colour, dash, _ = LOOKS[mark.outcome]
        _rectangle(pen, _corners(mark, scale), "#16191d", 0, 6)
        _rectangle(pen, _corners(mark, scale), colour, dash, 3)
    for mark in marks:
        colour, _, sign = LOOKS[mark.outcome]
        text = sign + mark.label if words else sign.strip()
        if text:
            font = _font(14, file_of(mark.label))
            left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
            box = _free(_corners(mark, scale), (right - left + 5, bottom - top + 5), panel.size, taken)
            taken.append(box)
            pen.rectangle(box, fill="#16191d")
            pen.text((box[0] + 2 - left, box[1] + 2 - top), text, fill=colour, font=font)


def _corners(mark: Mark, scale: float) -> Corners:
    x, y, w, h = (value * scale for value in mark.box)
    return x, y, x + w, y + h


def _free(box: Corners, size: tuple[float, float], panel: tuple[int, int], taken: Sequence[Corners]) -> Corners:
    """Where a label of `size` hides least of the labels before it: above the box, below it, or in its corners."""
    x0, y0, x1, y1 = box
    w, h = size
    places = [(x0 - 1, y0 - h - 1), (x0 - 1, y1 + 2), (x1 - w, y0 - h - 1), (x1 - w, y1 + 2), (x0 + 2, y0 + 2)]
    best: tuple[float, Corners] | None = None
    for x, y in places:
        x, y = min(max(x, 0), max(panel[0] - w, 0)), min(max(y, 0), max(panel[1] - h, 0))
        place = (x, y, x + w, y + h)
        hidden = sum(_common(place, other) for other in taken)
        if best is None or hidden < best[0]:
            best = hidden, place
    assert best is not None  # there are five places
    return best[1]


def _common(a: Corners, b: Corners) -> float:
    """Area that two rectangles share, in square pixels."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _rectangle(pen: ImageDraw.ImageDraw, box: Corners, colour: str, dash: int, width: int) -> None:
    """An outline centred on the edges of `box`; a `dash` of 0 pixels is solid."""
    x0, y0, x1, y1 = box
    if not dash:
        half = width / 2
        pen.rectangle((x0 - half, y0 - half, x1 + half, y1 + half), outline=colour, width=width)
        return
    for start in range(0, math.ceil(max(x1 - x0, y1 - y0)), 2 * dash):
        across, down = (x0 + start, min(x0 + start + dash, x1)), (y0 + start, min(y0 + start + dash, y1))
        if across[0] < x1:
            for y in (y0, y1):
                pen.line((across[0], y, across[1], y), fill=colour, width=width)
        if down[0] < y1:
            for x in (x0, x1):
                pen.line((x, down[0], x, down[1]), fill=colour, width=width)


def _font(size: int, file: Path = OWN_FILE) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), size)


def webp(sheet: Image.Image) -> bytes:
    """The best quality that stays below the limit."""
    for quality in (90, 80, 70, 60, 50, 40, 30, 20):
        packed = io.BytesIO()
        sheet.save(packed, format="webp", quality=quality)
        if packed.tell() <= LIMIT:
            break
    return packed.getvalue()
