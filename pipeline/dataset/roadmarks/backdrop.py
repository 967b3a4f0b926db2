"""What stands behind the road: the sky, then rows of houses and trees."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from pipeline.dataset.roadmarks.camera import Camera
from pipeline.dataset.roadmarks.noise import value_noise

Colour = tuple[float, float, float]  # red, green and blue from 0 to 255
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

SKIES: list[tuple[Colour, Colour]] = [  # at the top, at the horizon
    ((76, 132, 208), (199, 222, 242)),
    ((115, 158, 204), (230, 235, 235)),
    ((158, 168, 178), (209, 214, 217)),
    ((107, 115, 158), (245, 204, 158)),
]
CLOUD: Colour = (247, 247, 250)
FACADES: list[Colour] = [(153, 143, 133), (122, 120, 128), (173, 161, 140), (107, 112, 122), (140, 122, 112)]
LEAVES: Colour = (61, 92, 51)
ROWS = (0.35, 0.6, 0.85)  # how near each row of houses is; far ones are paler and lower


def backdrop(rng: np.random.Generator, camera: Camera) -> tuple[Image.Image, Colour]:
    """The picture down to the horizon (the rest is to be painted over), and the colour of the haze."""
    top, haze = SKIES[rng.integers(len(SKIES))]
    picture = _sky(rng, camera, top, haze)
    pen = ImageDraw.Draw(picture)
    unit = camera.height / 160
    for nearness in ROWS:
        column = -rng.uniform(0, 20) * unit
        while column < camera.width:
            width = rng.uniform(12, 40) * unit * (0.5 + nearness)
            # low in the middle, where the street goes on to the horizon
            opening = min(1.0, abs(column + width / 2 - camera.vanish) / (0.5 * camera.width) + 0.15)
            height = rng.uniform(10, 46) * unit * (0.4 + nearness) * opening
            box = (column, camera.horizon - height, column + width, camera.horizon + 2)
            if rng.random() < 0.6:
                _house(rng, pen, box, _mix(FACADES[rng.integers(len(FACADES))], haze, nearness), unit)
            else:
                _tree(rng, pen, box, _mix(LEAVES, haze, nearness))
            column += width * rng.uniform(0.7, 1.3)
    return picture, haze


def _sky(rng: np.random.Generator, camera: Camera, top: Colour, low: Colour) -> Image.Image:
    # soft as it is, the sky is made at half the size
    height, width = camera.height // 2, camera.width // 2
    fade = np.clip(np.arange(height, dtype=np.float32) * 2 / camera.horizon, 0, 1)[:, None, None]
    clouds = value_noise(rng, height, width, (4, 5)) * (8 / 15)
    for octave in (1, 2, 3):
        clouds += value_noise(rng, height, width, (4 << octave, 5 << octave)) * (8 / 15 / 2**octave)
    cover = np.clip((clouds - rng.uniform(0.45, 0.6)) * 5, 0, 0.8)[..., None] * (1 - fade / 2)
    sky = np.array(top, dtype=np.float32) * (1 - fade) + np.array(low, dtype=np.float32) * fade
    sky = sky * (1 - cover) + np.array(CLOUD, dtype=np.float32) * cover
    return Image.fromarray(sky.astype(np.uint8)).resize((camera.width, camera.height), Image.Resampling.BILINEAR)


def _mix(colour: Colour, haze: Colour, nearness: float) -> Colour:
    red, green, blue = (part * nearness + air * (1 - nearness) for part, air in zip(colour, haze, strict=True))
    return red, green, blue


def _shade(colour: Colour, factor: float) -> tuple[int, ...]:
    return tuple(min(round(part * factor), 255) for part in colour)


def _house(rng: np.random.Generator, pen: ImageDraw.ImageDraw, box: Box, colour: Colour, unit: float) -> None:
    light = rng.uniform(0.85, 1.1)
    pen.rectangle(box, fill=_shade(colour, light))
    step = rng.uniform(4.5, 7) * unit
    pane = _shade(colour, light * rng.choice([0.78, 1.12]))
    for x in np.arange(box[0] + step / 2, box[2] - step / 2, step).tolist():
        for y in np.arange(box[1] + step / 2, box[3] - step / 2, step).tolist():
            pen.rectangle((x, y, x + step * 0.45, y + step * 0.55), fill=pane)


def _tree(rng: np.random.Generator, pen: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    for _ in range(14):
        x, y = box[0] + width * rng.random(), box[1] + height * rng.uniform(0.1, 0.8)
        radius = width * rng.uniform(0.15, 0.3)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_shade(colour, rng.uniform(0.8, 1.2)))
