"""The prepared files, as bytes: equal content gives equal bytes, and COCO 2017 is never one text in memory twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.common.files import canonical
from pipeline.dataset.splits import Split
from pipeline.records import Manifest
from pipeline.records.manifest import SplitFiles


def write_split(path: Path, split: Split, classes: Sequence[str]) -> None:
    """A COCO file: images, annotations, categories."""
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    content = {"images": split.images, "annotations": split.annotations, "categories": categories}
    path.write_bytes(msgspec.json.encode(content) + b"\n")


def load_split(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The COCO dict of one prepared annotation file."""
    data: dict[str, list[dict[str, Any]]] = msgspec.json.decode(path.read_bytes())
    return data


def manifest_of(splits: Sequence[Split], classes: Sequence[str], hashes: Mapping[Path, str]) -> Manifest:
    """What the later stages know of the data set; `digest` is over all that training and scoring depend on."""
    report_split = "test" if any(split.name == "test" for split in splits) else "val"
    return Manifest(
        digest=_digest(splits, classes, hashes, report_split),
        classes=list(classes),
        splits={
            split.name: SplitFiles(
                annotations=f"{split.name}.json",
                images=split.root,
                count=len(split.images),
                boxes=len(split.boxes()),
            )
            for split in splits
        },
        report_split=report_split,
    )


def _digest(splits: Sequence[Split], classes: Sequence[str], hashes: Mapping[Path, str], report_split: str) -> str:
    """An image counts by its content, not by its name or place, so that a moved image folder trains nothing anew."""
    total = hashlib.sha256(canonical({"classes": list(classes), "report_split": report_split}) + b"\n")
    for split in splits:
        images = [[image.id, image.width, image.height, hashes[split.path(image)]] for image in split.images]
        total.update(msgspec.json.encode([split.name, images, split.annotations]) + b"\n")
    return total.hexdigest()
