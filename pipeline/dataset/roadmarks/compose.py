"""One picture: a street, the marks on it from far to near, light and noise, and the boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pipeline.dataset.roadmarks.backdrop import backdrop
from pipeline.dataset.roadmarks.camera import Camera, random_camera
from pipeline.dataset.roadmarks.ground import Road, ground, random_road
from pipeline.dataset.roadmarks.marks import FLAT
from pipeline.dataset.roadmarks.noise import Array, value_noise
from pipeline.dataset.roadmarks.place import NAMES, Spot, place

FINE = 2  # everything is drawn at twice the size and averaged
SEEN = 0.5  # a pixel belongs to a mark that covers half of it or more
LEAST = 0.5  # of a mark must be left to see, else the picture is laid out anew
POLE = 0.1  # metres
BoxOf = tuple[int, list[int]]


def compose(rng: np.random.Generator, hand: list[int], size: tuple[int, int]) -> tuple[Image.Image, list[BoxOf]]:
    """The picture, and (class number, [x, y, width, height]) of every mark in `hand`.

    `size` is width and height in pixels. A box spans the pixels of its mark that nearer marks leave to see.
    """
    while True:
        camera = random_camera(rng, size[0] * FINE, size[1] * FINE)
        road = random_road(rng)
        layers = [layer for spot in place(rng, camera, road, hand) for layer in _layers(rng, spot, camera, road)]
        covers = [np.asarray(layer.getchannel("A").reduce(FINE), dtype=np.float32) / 255 for _, layer in layers]
        seen = visible(covers)
        marks = [(category, index) for index, (category, _) in enumerate(layers) if category is not None]
        if all(_enough(seen[index], covers[index]) for _, index in marks):
            break
    picture, haze = backdrop(rng, camera)
    picture.paste(ground(rng, camera, road, haze), (0, camera.first_row))
    picture = picture.convert("RGBA")
    for _, layer in layers:
        picture.alpha_composite(layer)
    boxes = [(category, extent(seen[index] >= SEEN)) for category, index in marks]
    return _photograph(rng, picture.convert("RGB").reduce(FINE)), boxes


def _layers(rng: np.random.Generator, spot: Spot, camera: Camera, road: Road) -> list[tuple[int | None, Image.Image]]:
    """(class number, picture as large as the scene) of what stands at the spot; what holds a sign has no class."""
    if spot.outline:
        return [(spot.category, _arrow(rng, spot, camera))]
    return [(None, _support(rng, spot, camera, road)), (spot.category, _sign(rng, spot, camera))]


def visible(covers: Sequence[Array]) -> Sequence[Array]:
    """What of each cover, (height, width) from 0 to 1, far ones first, the nearer ones leave to see."""
    seen = []
    free = np.ones_like(covers[0])
    for cover in reversed(covers):
        seen.append(cover * free)
        free = free * (1 - cover)
    return seen[::-1]


def _enough(seen: Array, cover: Array) -> bool:
    left = np.count_nonzero(seen >= SEEN)
    return bool(left > 0 and left >= LEAST * np.count_nonzero(cover >= SEEN))


def extent(mask: NDArray[np.bool_]) -> list[int]:
    """[x, y, width, height] of the pixels that are set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def _blank(camera: Camera) -> Image.Image:
    return Image.new("RGBA", (camera.width, camera.height))


def _sign(rng: np.random.Generator, spot: Spot, camera: Camera) -> Image.Image:
    """A flat picture, scaled and turned a little, in its own light."""
    left, top, right, bottom = spot.box
    flat = FLAT[NAMES[spot.category]](rng)
    light = rng.uniform(0.8, 1.05)
    flat = Image.merge("RGBA", [*(band.point(lambda v: v * light) for band in flat.split()[:3]), flat.getchannel("A")])
    flat = flat.resize((max(round(right - left), 2), max(round(bottom - top), 2)), Image.Resampling.BOX)
    flat = flat.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True)
    layer = _blank(camera)
    layer.paste(flat, (round((left + right - flat.width) / 2), round((top + bottom - flat.height) / 2)))
    return layer


def _arrow(rng: np.random.Generator, spot: Spot, camera: Camera) -> Image.Image:
    """White paint on the road, worn in patches."""
    mask = Image.new("L", (camera.width * 2, camera.height * 2), 0)
    ImageDraw.Draw(mask).polygon([(2 * x, 2 * y) for x, y in spot.outline], fill=255)
    noise = value_noise(rng, camera.height, camera.width, (64, 40))
    worn = np.clip(noise - 0.45, 0, 1) * rng.uniform(0.1, 0.6)
    paint = Image.fromarray((rng.uniform(208, 246) * (1 - worn)).astype(np.uint8))
    return Image.merge("RGBA", (paint, paint, paint, mask.reduce(2)))


def _support(rng: np.random.Generator, spot: Spot, camera: Camera, road: Road) -> Image.Image:
    """The pole of a sign, or the post and arm that hold it over the road."""
    layer = _blank(camera)
    pen = ImageDraw.Draw(layer)
    half = max(camera.focal * POLE / spot.z / 2, 1)
    grey = int(rng.integers(70, 130))
    x, y = (spot.box[0] + spot.box[2]) / 2, (spot.box[1] + spot.box[3]) / 2
    _, foot = camera.project(0, 0, spot.z)
    if spot.gantry:
        y = spot.box[1] + 0.12 * (spot.box[3] - spot.box[1])
        post, _ = camera.project(road.right + 0.8 if x > camera.vanish else road.left - 0.8, 0, spot.z)
        pen.rectangle((min(x, post), y - half, max(x, post), y + half), fill=(grey, grey, grey + 4))
        x = post
    pen.rectangle((x - half, y - half, x + half, foot), fill=(grey, grey, grey + 4))
    return layer


def _photograph(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Light, lens and sensor: gain, tint, darker corners, a soft focus at times, noise."""
    y, x = np.mgrid[-1 : 1 : picture.height * 1j, -1 : 1 : picture.width * 1j]
    corners = 1 - rng.uniform(0, 0.11) * (x * x + y * y)[..., None]
    tint = 1 + rng.uniform(-0.05, 0.05) * np.array([1, 0, -1])
    lit = np.asarray(picture) * (rng.uniform(0.72, 1.1) * tint * corners)
    focused = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        focused = focused.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    noise = rng.standard_normal(lit.shape, dtype=np.float32) * rng.uniform(2, 6)
    return Image.fromarray(np.clip(np.asarray(focused) + noise, 0, 255).astype(np.uint8))
