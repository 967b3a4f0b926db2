"""One picture: a street, the marks on it from far to near, light and noise, and the boxes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.dataset.roadmarks.camera import Camera, random_camera
from pipeline.dataset.roadmarks.marks import FLAT
from pipeline.dataset.roadmarks.place import NAMES, Spot, place
from pipeline.dataset.roadmarks.scene import Array, Road, random_road, street, value_noise

FINE = 2  # everything is drawn at twice the size and averaged
SEEN = 0.5  # a pixel belongs to a mark that covers half of it or more
LEAST = 0.5  # of a mark must be left to see, else the picture is laid out anew
POLE = 0.1  # metres
BoxOf = tuple[int, list[int]]


def compose(rng: np.random.Generator, hand: list[int], size: tuple[int, int]) -> tuple[Image.Image, list[BoxOf]]:
    """The picture, and (class number, [x, y, width, height]) of every mark in `hand`.

    A box spans the pixels of the mark that nearer marks leave to see.
    """
    while True:
        camera = random_camera(rng, size[0] * FINE, size[1] * FINE)
        road = random_road(rng)
        spots = place(rng, camera, road, hand)
        layers = [_arrow_layer(rng, spot, camera) if spot.outline else _sign_layer(rng, spot, camera) for spot in spots]
        seen = _seen([layer[..., 3] for layer in layers])
        if all(now.sum() >= LEAST * layer[..., 3].sum() > 0 for now, layer in zip(seen, layers, strict=True)):
            break
    picture = street(rng, camera, road)
    for spot, layer in zip(spots, layers, strict=True):
        if not spot.outline:
            picture = _over(picture, _support_layer(rng, spot, camera, road))
        picture = _over(picture, layer)
    boxes = [(spot.category, _extent(_shrink(cover) >= SEEN)) for spot, cover in zip(spots, seen, strict=True)]
    return _photograph(rng, _shrink(picture)), boxes


def _seen(covers: list[Array]) -> list[Array]:
    """What nearer layers leave of each; far to near, (height, width) each."""
    seen = []
    free = np.ones_like(covers[0])
    for cover in reversed(covers):
        seen.append(cover * free)
        free = free * (1 - cover)
    return seen[::-1]


def _over(picture: Array, layer: Array) -> Array:
    alpha = layer[..., 3:]
    return picture * (1 - alpha) + layer[..., :3] * alpha


def _shrink(fine: Array) -> Array:
    """Mean over FINE x FINE blocks."""
    height, width = fine.shape[0] // FINE, fine.shape[1] // FINE
    return fine.reshape(height, FINE, width, FINE, *fine.shape[2:]).mean(axis=(1, 3))


def _extent(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def _sign_layer(rng: np.random.Generator, spot: Spot, camera: Camera) -> Array:
    """A flat picture, scaled and turned a little, in its own light."""
    left, top, right, bottom = spot.box
    flat = FLAT[NAMES[spot.category]](rng)
    flat = flat.resize((max(round(right - left), 2), max(round(bottom - top), 2)), Image.Resampling.BOX)
    flat = flat.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True)
    canvas = Image.new("RGBA", (camera.width, camera.height), (0, 0, 0, 0))
    canvas.paste(flat, (round((left + right - flat.width) / 2), round((top + bottom - flat.height) / 2)))
    layer = np.asarray(canvas, dtype=float) / 255
    layer[..., :3] *= rng.uniform(0.8, 1.05)
    return layer


def _arrow_layer(rng: np.random.Generator, spot: Spot, camera: Camera) -> Array:
    """White paint on the road, worn in patches."""
    shape = (camera.width * 2, camera.height * 2)
    mask = Image.new("L", shape, 0)
    ImageDraw.Draw(mask).polygon([(2 * x, 2 * y) for x, y in spot.outline], fill=255)
    cover = np.asarray(mask.reduce(2), dtype=float) / 255
    wear = np.clip(value_noise(rng, camera.height, camera.width, (64, 40)) - 0.45, 0, 1) * rng.uniform(0.1, 0.6)
    paint = np.array([0.93, 0.93, 0.90]) * rng.uniform(0.88, 1.04) * (1 - wear)[..., None]
    return np.concatenate([paint, cover[..., None]], axis=2)


def _support_layer(rng: np.random.Generator, spot: Spot, camera: Camera, road: Road) -> Array:
    """The pole of a sign, or the arm that holds it over the road."""
    canvas = Image.new("RGBA", (camera.width, camera.height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(canvas)
    half = max(camera.focal * POLE / spot.z / 2, 1)
    grey = int(rng.integers(70, 130))
    fill = (grey, grey, grey + 4, 255)
    x = (spot.box[0] + spot.box[2]) / 2
    y = (spot.box[1] + spot.box[3]) / 2
    _, foot = camera.project(0, 0, spot.z)
    if spot.gantry:
        arm = spot.box[1] + 0.12 * (spot.box[3] - spot.box[1])
        side = road.right + 0.8 if x > camera.vanish else road.left - 0.8
        post, _ = camera.project(side, 0, spot.z)
        pen.rectangle((min(x, post), arm - half, max(x, post), arm + half), fill=fill)
        x, y = post, arm
    pen.rectangle((x - half, y - half, x + half, foot), fill=fill)
    return np.asarray(canvas, dtype=float) / 255


def _photograph(rng: np.random.Generator, picture: Array) -> Image.Image:
    """Light, lens and sensor: gain, tint, darker corners, a soft focus at times, noise."""
    height, width = picture.shape[:2]
    gain = rng.uniform(0.72, 1.1)
    tint = 1 + rng.uniform(-0.05, 0.05) * np.array([1, 0, -1])
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = 1 - rng.uniform(0, 0.22) * (x**2 + y**2)[..., None] / 2
    lit = np.clip(picture * gain * tint * corners, 0, 1)
    image = Image.fromarray((lit * 255).round().astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    noise = rng.normal(0, rng.uniform(2, 6), (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).round().astype(np.uint8))
