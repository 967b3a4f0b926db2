"""What a file is that is not what params.yaml says: a message that names the right source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

VOC = "is Pascal VOC XML, not COCO JSON: write `source: voc` with `origin` the folder that holds Annotations"
YOLO = "holds YOLO labels, not COCO JSON: write `source: yolo` with `origin` the folder of data.yaml"
LABELME = "is LabelMe JSON, not COCO JSON: write `source: labelme` with `origin` the folder of these files"
ELSE = "export it as COCO, Pascal VOC, YOLO or LabelMe"


def foreign(path: Path, content: bytes | None = None) -> str | None:
    """A line that names the format of a file or folder that was given as COCO, or None if it is not known."""
    kind = _of_folder(path) if path.is_dir() else _of_file(path, content)
    return kind and f"{path}: {kind}"


def _of_folder(folder: Path) -> str | None:
    suffixes = {path.suffix.lower() for path in folder.iterdir()}
    if ".xml" in suffixes or (folder / "Annotations").is_dir():
        return VOC
    if ".txt" in suffixes or ".yaml" in suffixes or (folder / "labels").is_dir():
        return YOLO
    jsons = [path for path in folder.iterdir() if path.suffix.lower() == ".json"] if ".json" in suffixes else []
    return LABELME if jsons and is_labelme(load(jsons[0])) else None


def _of_file(path: Path, content: bytes | None) -> str | None:
    suffix = path.suffix.lower()
    if suffix in (".txt", ".yaml", ".yml"):
        return YOLO
    if suffix == ".csv":
        return f"is CSV, which says too little to be read safely: {ELSE}"
    if content is None:
        content = path.read_bytes() if path.is_file() else b""
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        if b"<annotations" in start:
            return "is CVAT's XML, not COCO JSON: export the task as COCO 1.0"
        return VOC if b"<annotation" in start else f"is XML or a web page, not COCO JSON: {ELSE}"
    if not content:
        return "is empty"
    return _of_json(load(path))


def _of_json(data: Any) -> str | None:
    if is_labelme(data):
        return LABELME
    if isinstance(data, dict) and "_via_img_metadata" in data:
        return "is a VIA project, not COCO JSON: export it as COCO (Annotation, Export Annotations, COCO format)"
    if isinstance(data, list) and data and isinstance(data[0], dict):
        if {"image_id", "bbox", "score"} <= data[0].keys():
            return "is a list of detections (COCO results), not a data set: give the annotation file"
        if "data" in data[0] and ("annotations" in data[0] or "completions" in data[0]):
            return "is Label Studio's own JSON, not COCO: export the project as COCO"
        if "image" in data[0] and "annotations" in data[0]:
            return f"is CreateML JSON, not COCO: {ELSE}"
    return None


def is_labelme(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("shapes"), list) and "imagePath" in data


def load(path: Path) -> Any:
    """The JSON of a file that may be anything; None if it is none."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
