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
        _draw_boxes(ImageDraw.Draw(cell), boxes[image.id], classes, factor, font)
        cells.append((cell, f"{image.file_name}  {width}x{height}"))
    _sheet(cells, font).save(path)


def _draw_boxes(
    draw: ImageDraw.ImageDraw, boxes: Sequence[Box], classes: Sequence[str], factor: tuple[float, float],
    font: ImageFont.FreeTypeFont,
) -> None:  # fmt: skip
    for box in boxes:
        x, y, width, height = (side * factor[axis % 2] for axis, side in enumerate(box.bbox))
        colour = "#888888" if box.iscrowd else COLOURS[(box.category_id - 1) % len(COLOURS)]
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=2)
        name = classes[box.category_id - 1] + (" (crowd)" if box.iscrowd else "")
        draw.text((x + 3, y + 1), name[:24], fill=colour, font=font, stroke_width=2, stroke_fill="white")


def _sheet(cells: Sequence[tuple[Image.Image, str]], font: ImageFont.FreeTypeFont) -> Image.Image:
    columns = min(COLUMNS, len(cells)) or 1
    rows = max(-(-len(cells) // columns), 1)
    step = (CELL[0] + GAP, CELL[1] + GAP + LINE)
    sheet = Image.new("RGB", (columns * step[0] + GAP, rows * step[1] + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (cell, title) in enumerate(cells):
        x, y = GAP + index % columns * step[0], GAP + index // columns * step[1]
        sheet.paste(cell, (x, y + LINE))
        draw.text((x, y), title[-48:], fill="black", font=font)
    return sheet
