"""How the five classes look: signs and lights as flat pictures, arrows as outlines on the road."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

TEXTURE = 192  # pixels of the longer side of a flat picture
RED, BLUE, WHITE, BLACK = (206, 24, 34), (24, 62, 168), (244, 244, 240), (28, 28, 30)

Point = tuple[float, float]

# Outlines in units of the width (x) and length (z, ahead) that a straight arrow has
STRAIGHT: list[Point] = [
    (-0.14, 0.0), (0.14, 0.0), (0.14, 0.55), (0.5, 0.55), (0.0, 1.0), (-0.5, 0.55), (-0.14, 0.55),
]  # fmt: skip
LEFT: list[Point] = [
    (0.14, 0.0), (0.42, 0.0), (0.42, 0.66), (-0.12, 0.66), (-0.12, 0.92), (-0.72, 0.50), (-0.12, 0.14),
    (-0.12, 0.38), (0.14, 0.38),
]  # fmt: skip


def _blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    return image, ImageDraw.Draw(image)


def _disc(pen: ImageDraw.ImageDraw, radius: float, colour: tuple[int, int, int]) -> None:
    centre = TEXTURE / 2
    pen.ellipse((centre - radius, centre - radius, centre + radius - 1, centre + radius - 1), fill=colour)


def no_parking(rng: np.random.Generator) -> Image.Image:
    """A blue disc with a red ring and a red diagonal; two diagonals forbid stopping too."""
    image, pen = _blank(TEXTURE, TEXTURE)
    _disc(pen, TEXTURE / 2, RED)
    _disc(pen, TEXTURE * 0.39, BLUE)
    end = TEXTURE * 0.29
    centre = TEXTURE / 2
    width = int(TEXTURE * 0.11)
    pen.line((centre - end, centre - end, centre + end, centre + end), fill=RED, width=width)
    if rng.random() < 0.35:
        pen.line((centre - end, centre + end, centre + end, centre - end), fill=RED, width=width)
    return image


def no_driving(rng: np.random.Generator) -> Image.Image:
    """No entry (a white bar on red), or no vehicles (a red ring, inside white, a car for some)."""
    image, pen = _blank(TEXTURE, TEXTURE)
    unit = TEXTURE / 100
    _disc(pen, TEXTURE / 2, RED)
    if rng.random() < 0.6:
        pen.rectangle((18 * unit, 41 * unit, 82 * unit, 59 * unit), fill=WHITE)
        return image
    _disc(pen, TEXTURE * 0.37, WHITE)
    if rng.random() < 0.6:
        pen.rounded_rectangle((30 * unit, 46 * unit, 70 * unit, 62 * unit), 4 * unit, fill=BLACK)
        cabin = [(36, 47), (41, 35), (59, 35), (64, 47)]
        pen.polygon([(x * unit, y * unit) for x, y in cabin], fill=BLACK)
        for wheel in (38, 62):
            pen.ellipse(((wheel - 5) * unit, 57 * unit, (wheel + 5) * unit, 67 * unit), fill=BLACK)
    return image


def red_light(rng: np.random.Generator) -> Image.Image:
    """A dark housing with three lamps, the upper one lit red with a glow."""
    width, height = int(TEXTURE * 0.42), TEXTURE
    image, pen = _blank(width, height)
    body = int(rng.integers(18, 46))
    pen.rounded_rectangle((0, 0, width - 1, height - 1), width * 0.2, fill=(body, body, body + 2))
    radius = width * 0.34
    for lamp, colour in enumerate([(255, 40, 30), (70, 56, 20), (20, 62, 36)]):
        x, y = width / 2, height * (0.19 + 0.31 * lamp)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    x, y = width / 2, height * 0.19
    for share, colour in ((0.7, (255, 90, 70)), (0.4, (255, 170, 150))):
        pen.ellipse((x - radius * share, y - radius * share, x + radius * share, y + radius * share), fill=colour)
    return image


FLAT: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "red_tl": red_light,
    "no_driving_mark_allsort": no_driving,
    "no_parking_mark": no_parking,
}
ON_ROAD: dict[str, list[Point]] = {"arr_s": STRAIGHT, "arr_l": LEFT}
