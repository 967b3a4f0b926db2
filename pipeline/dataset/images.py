"""The pictures themselves: every file is read once, hashed and decoded in full, on all cores."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from rich.progress import track

from pipeline.common.errors import UserError
from pipeline.dataset.splits import Split

ROTATED = range(5, 9)  # EXIF orientations that swap width and height; MMDetection's loader obeys them
ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM")  # what both Pillow and MMDetection's loader read
SHOWN = 10


def hash_images(splits: Sequence[Split]) -> dict[Path, str]:
    """The sha256 of each image file of the splits, all of them decoded and of the stated size.

    Raises UserError with a line for each of the first bad files: annotation file, image id, path, reason.
    """
    for split in splits:
        if not split.folder.is_dir():
            raise UserError(f"dataset.images: {split.folder}: no such image folder (split {split.name})")
    jobs = [(split, image, path) for split in splits for image, path in zip(split.images, split.paths(), strict=True)]
    hashes: dict[Path, str] = {}
    problems = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(_inspect, (path for _, _, path in jobs))
        for (split, image, path), (digest, size, problem) in track(
            zip(jobs, results, strict=True), "images", total=len(jobs), transient=True, disable=len(jobs) < 1000
        ):
            stated = (image["width"], image["height"])
            if not problem and size != stated:
                problem = f"is {size[0]}x{size[1]}, the annotations say {stated[0]}x{stated[1]}"
            if problem:
                problems.append(f"{split.file}: image {image['id']}: {path}: {problem}")
            hashes[path] = digest
    if problems:
        more = [f"... and {len(problems) - SHOWN} more images"] if len(problems) > SHOWN else []
        raise UserError("\n".join(problems[:SHOWN] + more))
    return hashes


def _inspect(path: Path) -> tuple[str, tuple[int, int], str | None]:
    """Hash, (width, height) as loaded, and what is wrong. Pillow and hashlib both free the GIL here."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return "", (0, 0), "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if image.getexif().get(ORIENTATION) in ROTATED:
                width, height = height, width
            image.draft("L", (1, 1))  # a JPEG is still read to its end, at an eighth of the size
            image.load()
    except UnidentifiedImageError:  # Pillow would name a memory address here
        return "", (0, 0), f"corrupt image, or none of {', '.join(FORMATS)}"
    except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error, zlib.error
        return "", (0, 0), f"corrupt image: {error}"
    return hashlib.sha256(content).hexdigest(), (width, height), None
