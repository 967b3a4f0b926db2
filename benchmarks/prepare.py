"""How long `prepare` takes and how much memory it needs at COCO's size, first and again.

    python -m benchmarks.prepare [--images 12000 118000]

The set is drawn here: 7.3 boxes an image, each with a polygon of 24 corners, one class named with an emoji; the
pictures are small (160x120) and all different, so that reading and checking is measured, not decoding. The peer is
`prepare` itself at the smaller size: time and memory may grow by little more than the images do. Time is the
processor's, so that other work on the machine counts little, and the clock's; peak memory is the process's largest
resident size. What a cell spends on the same files before its first step is measured beside it: its training data set
as its plan has it (MMDetection by way of pycocotools), loaded, filtered and serialised.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BOXES, CORNERS, SIZE, BASES, SHAPES, SHARE = 7.3, 24, (160, 120), 64, 1000, 0.04
RUN = """
import resource, sys, time
from pathlib import Path
{body}
used, took = time.process_time() - used, time.perf_counter() - start
print(used, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""
START = "start, used = time.perf_counter(), time.process_time()\n"
PREPARE = f"""
from pipeline.dataset import prepare
from pipeline.study.datasets import Coco
{START}
dataset = Coco(source="coco", origin=".", images="images", train="train.json", val="val.json")
prepare(dataset, Path("data/coco"), {SIZE}, Path("known"))
"""
LOAD = f"""
from pipeline.common.paths import Paths
from pipeline.detector.config.data import files
from pipeline.detector.randomness import SharedDrawsDataset
from pipeline.records import Manifest
{START}
manifest = Manifest.read(Paths().manifest)
SharedDrawsDataset(**files(manifest, "train"), filter_cfg=dict(filter_empty_gt=True, min_size=1), pipeline=[])
"""


def draw(folder: Path, images: int) -> None:
    """The pictures and the two annotation files, written as a stream."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    bases = []
    for _ in range(BASES):
        content = io.BytesIO()
        shades = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(shades).resize(SIZE, Image.Resampling.BICUBIC).save(content, "JPEG", quality=60)
        bases.append(content.getvalue())
    for number in range(1, images + 1):  # what follows the end of a JPEG is not read, but makes the file another
        (folder / f"images/{number:012d}.jpg").write_bytes(bases[number % BASES] + number.to_bytes(8, "big"))
    val = int(images * SHARE)
    categories = [
        {"id": number, "name": f"class {number}" + " \N{CONSTRUCTION SIGN}" * (number == 1)} for number in range(1, 81)
    ]
    for name, first, last in (("train", val + 1, images), ("val", 1, val)):
        _write(folder / f"{name}.json", rng, range(first, last + 1), categories)


def _write(path: Path, rng: np.random.Generator, numbers: range, categories: list[dict[str, object]]) -> None:
    shapes = [_shape(rng) for _ in range(SHAPES)]
    counts = np.maximum(1, rng.poisson(BOXES, len(numbers)))
    images = (
        f'{{"id": {number}, "file_name": "{number:012d}.jpg", "width": {SIZE[0]}, "height": {SIZE[1]}}}'
        for number in numbers
    )
    owners = np.repeat(np.asarray(numbers), counts).tolist()
    boxes = (
        f'{{{shapes[index % SHAPES]}, "iscrowd": 0, "image_id": {owner}, '
        f'"category_id": {index % 80 + 1}, "id": {index}}}'
        for index, owner in enumerate(owners, 1)
    )
    with path.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        file.writelines(f"{', ' * (index > 0)}{text}" for index, text in enumerate(images))
        file.write('], "annotations": [')
        file.writelines(f"{', ' * (index > 0)}{text}" for index, text in enumerate(boxes))
        file.write('], "categories": ' + json.dumps(categories, ensure_ascii=False) + "}")


def _shape(rng: np.random.Generator) -> str:
    """Polygon, area and box of an annotation, as JSON."""
    x, y, width, height = (round(float(value), 2) for value in rng.uniform([0, 0, 8, 8], [100, 70, 50, 40]))
    corners = rng.uniform([x, y], [x + width, y + height], (CORNERS, 2)).round(2).ravel().tolist()
    area = round(width * height / 2, 4)
    return json.dumps({"segmentation": [corners], "area": area, "bbox": [x, y, width, height]})[1:-1]


def measure(folder: Path, body: str) -> tuple[float, float, float]:
    """Seconds of processor time and by the clock, and peak GiB, of a fresh process."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})" + RUN.format(body=body)
    out = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout
    used, took, peak = map(float, out.split()[-3:])
    return used, took, peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, nargs="+", default=[12_000, 118_000])
    sizes = parser.parse_args().images
    found = []
    for images in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            draw(folder, images)
            size = sum((folder / f"{split}.json").stat().st_size for split in ("train", "val")) / 2**20
            print(f"{images:,} images, {size:,.0f} MiB of JSON", flush=True)
            rows = {}
            for what, body in (("first", PREPARE), ("again", PREPARE), ("a cell's loader", LOAD)):
                rows[what] = measure(folder, body)
                used, took, peak = rows[what]
                print(f"  {what}: {used:.1f} s of processor time, {took:.1f} s by the clock, peak {peak:.2f} GiB",
                      flush=True)  # fmt: skip
        found.append(rows)
    if len(found) > 1:
        for what in ("first", "again"):
            print(f"{what}: {found[-1][what][0] / found[0][what][0]:.1f} times the time for "
                  f"{sizes[-1] / sizes[0]:.1f} times the images (bar: 12)")  # fmt: skip


if __name__ == "__main__":
    main()
