"""Annotations and pictures for the tests of this room, drawn here."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.dataset.annotations import Annotations, Box
from pipeline.dataset.check import check
from pipeline.dataset.layouts.part import Part
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.rules import RepairLog

ORIENTATION = 0x0112


def picture(width: int = 40, height: int = 30, orientation: int = 1, seed: int = 0, **options: Any) -> bytes:
    """An encoded picture of noise over a slope, so that every turn of it differs."""
    rng = np.random.default_rng(seed)
    slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 100, width))
    pixels = (slope[..., None] * [1.0, 0.6, 0.2] + rng.integers(0, 30, (height, width, 3))).astype(np.uint8)
    options = {"format": "JPEG"} | options
    if orientation != 1 and options["format"] == "TIFF":
        options["tiffinfo"] = {ORIENTATION: orientation}
    elif orientation != 1:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, **options)
    return content.getvalue()


def coco(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], names: Any = ("sign", "light")
) -> dict[str, Any]:
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def image(number: Any = 1, name: str = "a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 100, "height": 50} | more


def box(number: Any = 1, **more: Any) -> dict[str, Any]:
    sound = {"id": number, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 5], "area": 100, "iscrowd": 0}
    return sound | more


def as_read(data: dict[str, Any], split: str = "train", **more: Any) -> Annotations:
    boxes = [Box(**record) for record in data["annotations"]]
    settings = {"file": Path(f"{split}.json"), "root": Path("i")} | more
    return Annotations(split, images=data["images"], boxes=boxes, categories=data["categories"], **settings)


def checked(data: dict[str, Any], split: str = "train", **more: Any) -> tuple[Annotations, list[str], RepairLog]:
    """The annotations after `check`, its mistakes and its log."""
    found, mistakes, log = as_read(data, split, **more), Mistakes(), RepairLog()
    check(found, mistakes, log)
    return found, mistakes.lines, log


def part(split: str, file: Path, root: Path, **more: Any) -> Part:
    return Part(split, file, root, **more)


def write(path: Path, content: bytes | str | dict[str, Any] | list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes | str):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
