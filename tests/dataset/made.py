"""One drawn data set, laid out as each tool lays it out: the same pictures and boxes in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIZE = (64, 48)
NAMES = ("barrel", "cone")  # in the order of the alphabet, the one that VOC and LabelMe can hold
Rows = list[tuple[str, list[tuple[int, list[int]]]]]  # file name, (class from 1, x, y, width, height)


def rows(split: str, count: int = 6) -> Rows:
    found = []
    for number in range(count):
        boxes = [(1, [2 + number, 3, 20, 12]), (2, [30, 20 + number, 18, 15])]
        found.append((f"{split}_{number}.jpg", boxes if number else boxes[:1]))
    return found


def draw(folder: Path, split: str, found: Rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, boxes) in enumerate(found):
        shade = 40 * number + 20 * len(split)
        picture = Image.new("RGB", SIZE, (shade % 255, (90 + shade) % 255, (200 - shade) % 255))
        for category, (x, y, width, height) in boxes:
            colour = "red" if category == 1 else "yellow"
            ImageDraw.Draw(picture).rectangle((x, y, x + width - 1, y + height - 1), colour)
        picture.save(folder / name, quality=95)


def as_coco(found: Rows) -> str:
    images = [{"id": n, "file_name": name, "width": SIZE[0], "height": SIZE[1]} for n, (name, _) in enumerate(found, 1)]
    flat = [(n, category, box) for n, (_, boxes) in enumerate(found, 1) for category, box in boxes]
    annotations = [
        {"id": n, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for n, (image, category, box) in enumerate(flat, 1)
    ]
    categories = [{"id": n, "name": name} for n, name in enumerate(NAMES, 1)]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def voc_xml(name: str, boxes: Any) -> str:
    objects = "".join(
        f"<object><name>{NAMES[category - 1]}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
        f"<xmax>{x + width}</xmax><ymax>{y + height}</ymax></bndbox></object>"
        for category, (x, y, width, height) in boxes
    )
    size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def yolo_lines(boxes: Any, segments: bool = False) -> str:
    lines = []
    for category, (x, y, width, height) in boxes:
        left, top, right, bottom = x / SIZE[0], y / SIZE[1], (x + width) / SIZE[0], (y + height) / SIZE[1]
        sides = (
            [left, top, right, top, right, bottom, left, bottom]
            if segments
            else [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        )
        lines.append(" ".join([str(category - 1), *(f"{side:.6f}" for side in sides)]))
    return "\n".join(lines) + "\n"


def labelme_json(name: str, boxes: Any) -> str:
    shapes = [
        {"label": NAMES[c - 1], "shape_type": "rectangle", "points": [[x + w, y], [x, y + h]], "group_id": None}
        for c, (x, y, w, h) in boxes
    ]
    content = {"version": "5.4.1", "shapes": shapes, "imagePath": name, "imageHeight": SIZE[1], "imageWidth": SIZE[0]}
    return json.dumps(content)


def put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def roboflow_coco(root: Path) -> None:
    for split, folder in {"train": "train", "val": "valid", "test": "test"}.items():
        draw(root / folder, split, rows(split))
        put(root / folder / "_annotations.coco.json", as_coco(rows(split)))


def cvat_coco(root: Path) -> None:
    for split, subset in {"train": "Train", "val": "Validation"}.items():
        draw(root / "images" / subset, split, rows(split))
        put(root / f"annotations/instances_{subset}.json", as_coco(rows(split)))


def coco_2017(root: Path) -> None:
    for split in ("train", "val"):
        draw(root / f"{split}2017", split, rows(split))
        put(root / f"annotations/instances_{split}2017.json", as_coco(rows(split)))
        put(root / f"annotations/captions_{split}2017.json", "{}")


def plain_coco(root: Path) -> None:
    draw(root / "images", "all", rows("all", 10))
    put(root / "result.json", as_coco(rows("all", 10)))


def voc(root: Path) -> None:
    for split in ("train", "val"):
        draw(root / "JPEGImages", split, rows(split))
        put(root / f"ImageSets/Main/{split}.txt", "".join(f"{split}_{n}\n" for n in range(6)))
        put(root / f"ImageSets/Main/cone_{split}.txt", "".join(f"{split}_{n} 1\n" for n in range(6)))
        for name, boxes in rows(split):
            put(root / "Annotations" / name.replace("jpg", "xml"), voc_xml(name, boxes))


def yolo(root: Path, segments: bool = False) -> None:
    for split in ("train", "val"):
        draw(root / f"images/{split}", split, rows(split))
        for name, boxes in rows(split):
            put(root / f"labels/{split}" / name.replace("jpg", "txt"), yolo_lines(boxes, segments))
    put(root / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: barrel\n  1: cone\n")


def yolo_segments(root: Path) -> None:
    yolo(root, segments=True)


def roboflow_yolo(root: Path) -> None:
    for split, folder in {"train": "train", "val": "valid"}.items():
        draw(root / folder / "images", split, rows(split))
        for name, boxes in rows(split):
            put(root / folder / "labels" / name.replace("jpg", "txt"), yolo_lines(boxes))
    lines = ["train: ../train/images", "val: ../valid/images", "test: ../test/images", "nc: 2", "names: [barrel, cone]"]
    put(root / "data.yaml", "\n".join(lines) + "\n")


def labelme(root: Path) -> None:
    for split in ("train", "val"):
        draw(root / split, split, rows(split))
        for name, boxes in rows(split):
            put(root / split / name.replace("jpg", "json"), labelme_json(name, boxes))


SPLIT: dict[str, tuple[str, Callable[[Path], None]]] = {
    "roboflow coco": ("coco", roboflow_coco), "cvat coco": ("coco", cvat_coco), "coco 2017": ("coco", coco_2017),
    "voc": ("voc", voc), "yolo": ("yolo", yolo), "yolo segments": ("yolo", yolo_segments),
    "roboflow yolo": ("yolo", roboflow_yolo), "labelme": ("labelme", labelme),
}  # fmt: skip
