"""A contact sheet: pictures with their boxes as the detector is fed them, so that misplaced boxes are seen early."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from pipeline.dataset.fed import resized
from pipeline.dataset.pictures.look import load
from pipeline.dataset.splits import Box, Split

COLUMNS, ROWS = 4, 3
CELL = (320, 240)  # pixels of a picture on the sheet, at most
GAP, LINE = 6, 14
NAME, TITLE = 24, 48  # characters of a class name and of a file name that are shown
COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000", "#000075", "#f032e6")


def draw_preview(split: Split, classes: Sequence[str], image_size: tuple[int, int], path: Path) -> None:
    """Twelve pictures of the split, evenly over those with boxes, fewer if it has fewer. Crowd boxes are grey."""
    boxes: dict[int, list[Box]] = defaultdict(list)
    for box in split.annotations:
        boxes[box.image_id].append(box)
    shown = [image for image in split.images if image.id in boxes]
    picks = np.linspace(0, len(shown) - 1, min(COLUMNS * ROWS, len(shown))).round().astype(int)
    cells = []
    font = ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", LINE - 3)
    for pick in picks:
        image = shown[pick]
        pixels = load(split.path(image).read_bytes())
        width, height = resized(image.width, image.height, image_size)
        fed = cv2.resize(pixels, (max(width, 1), max(height, 1)), interpolation=cv2.INTER_LINEAR)
        cell = Image.fromarray(fed[..., ::-1])
        shrink = min(CELL[0] / cell.width, CELL[1] / cell.height)
        cell = cell.resize((max(round(cell.width * shrink), 1), max(round(cell.height * shrink), 1)))
        factor = (cell.width / image.width, cell.height / image.height)
        _draw_boxes(cell, boxes[image.id], classes, factor, font)
        cells.append((cell, f"{image.file_name}  {width}x{height}"))
    _sheet(cells, font).save(path)


def _draw_boxes(
    cell: Image.Image, boxes: Sequence[Box], classes: Sequence[str], factor: tuple[float, float],
    font: ImageFont.FreeTypeFont,
) -> None:  # fmt: skip
    """The boxes, then their names above them, or inside where the picture ends."""
    draw = ImageDraw.Draw(cell)
    labels = []
    for box in boxes:
        x, y, width, height = (side * factor[axis % 2] for axis, side in enumerate(box.bbox))
        colour = "#888888" if box.iscrowd else COLOURS[(box.category_id - 1) % len(COLOURS)]
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=2)
        name = (classes[box.category_id - 1] + (" (crowd)" if box.iscrowd else ""))[:NAME]
        at = (max(0, min(x, cell.width - draw.textlength(name, font))), y - LINE if y >= LINE else y + 2)
        labels.append((at, name, colour))
    for at, name, colour in labels:
        draw.text(at, name, fill=colour, font=font, stroke_width=1, stroke_fill="white")


def _sheet(cells: Sequence[tuple[Image.Image, str]], font: ImageFont.FreeTypeFont) -> Image.Image:
    """Rows as high as their highest picture, a title above each picture."""
    columns = min(COLUMNS, len(cells)) or 1
    rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
    heights = [LINE + max(cell.height for cell, _ in row) + GAP for row in rows]
    sheet = Image.new("RGB", (columns * (CELL[0] + GAP) + GAP, sum(heights) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    y = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (cell, title) in enumerate(row):
            x = GAP + column * (CELL[0] + GAP)
            sheet.paste(cell, (x, y + LINE))
            draw.text((x, y), title[-TITLE:], fill="black", font=font)
        y += height
    return sheet
