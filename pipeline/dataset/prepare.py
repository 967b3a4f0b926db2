"""The stage `prepare`: from the source that params.yaml names to data/coco, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.common.errors import UserError
from pipeline.common.files import replacing
from pipeline.common.paths import Paths
from pipeline.dataset import roadmarks
from pipeline.dataset.card import describe, equal_content, repairs
from pipeline.dataset.divide import divide, keep_apart
from pipeline.dataset.images import hash_images
from pipeline.dataset.read import Record, check, read_coco
from pipeline.dataset.repair import RepairLog, choose_classes, repair
from pipeline.dataset.splits import Split
from pipeline.records import Card, Manifest
from pipeline.records.manifest import SplitFiles
from pipeline.study.sections import Coco, Roadmarks

MANIFEST, CARD = Paths().manifest.name, Paths().card.name


def prepare(dataset: Roadmarks | Coco, out: Path) -> Card:
    """Write train.json, val.json (test.json), manifest.json and card.json into `out`, replacing it.

    The annotation files are valid COCO, boxes only, and equal bytes for equal input; for roadmarks the
    pictures are drawn into `out`/images, other images stay where they are. Raises UserError naming file
    and id for what no rule mends; then `out` is as it was.
    """
    out = out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out
    log = RepairLog()
    with replacing(out) as folder:
        if isinstance(dataset, Roadmarks):
            classes, splits = _drawn(dataset, out, folder, log)
        else:
            classes, splits = _own(dataset, log)
        _check_every_class_has_boxes(splits[0], classes)
        hashes = hash_images(splits)
        if isinstance(dataset, Coco) and dataset.split:
            parts = {"val": dataset.split.val} | ({"test": dataset.split.test} if dataset.split.test else {})
            fractions = {"train": 1 - sum(parts.values()), **parts}
            splits = divide(splits[0], hashes, len(classes), fractions, dataset.split.seed)
            _check_every_class_has_boxes(splits[0], classes)
        for split in splits:
            if not split.images:
                raise UserError(f"{split.file}: split {split.name} has no images")
        manifest = _manifest(splits, classes, hashes)
        card = _card(dataset, splits, manifest, hashes, log)
        for split in splits:
            _write(folder / f"{split.name}.json", _coco(split, classes))
        manifest.write(folder / MANIFEST)
        card.write(folder / CARD)
    return card


def load_split(path: Path) -> dict[str, list[Record]]:
    """The COCO dict of one prepared annotation file."""
    data: dict[str, list[Record]] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _drawn(dataset: Roadmarks, out: Path, folder: Path, log: RepairLog) -> tuple[list[str], list[Split]]:
    """The synthetic set goes through the same checks as any other."""
    drawn = roadmarks.draw(dataset.train, dataset.val, dataset.size, dataset.seed, folder / "images")
    classes = list(roadmarks.CLASSES)
    splits = []
    for name, data in drawn.items():
        file = Path(dataset.origin) / name
        images, boxes = repair(name, check(file, data), classes, log)
        splits.append(Split(name, file, (out / "images").as_posix(), folder / "images", images, boxes))
    return classes, splits


def _own(dataset: Coco, log: RepairLog) -> tuple[list[str], list[Split]]:
    """The user's files as splits; with `split` it is one, called train, which is divided later."""
    origin = Path(dataset.origin)
    if dataset.split:
        files = {"train": origin}
    else:
        named = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
        files = {name: origin / file for name, file in named.items() if file}
    read = {name: read_coco(file) for name, file in files.items()}
    names = {files[name]: [category["name"] for category in data["categories"]] for name, data in read.items()}
    classes = choose_classes(names, dataset.classes)
    splits = []
    for name, data in read.items():
        root = _image_root(dataset, name)
        splits.append(Split(name, files[name], root, Path(root), *repair(name, data, classes, log)))
    return classes, keep_apart(splits, log)


def _image_root(dataset: Coco, split: str) -> str:
    if isinstance(dataset.images, str):
        return dataset.images
    roots = {str(name): root for name, root in dataset.images.items()}
    if dataset.split:
        raise UserError("dataset.images: with `split` all images lie in one folder; give its name, not one a split")
    if split not in roots:
        raise UserError(f"dataset.images: no folder for split {split}; given: {', '.join(roots)}")
    return roots[split]


def _check_every_class_has_boxes(train: Split, classes: Sequence[str]) -> None:
    seen = {box["category_id"] for box in train.boxes()}
    for number, name in enumerate(classes, start=1):
        if number not in seen:
            raise UserError(
                f"{train.file}: category {name!r} has no boxes to train on; "
                "to leave it out, list the classes to keep under dataset.classes"
            )


def _coco(split: Split, classes: Sequence[str]) -> dict[str, list[Record]]:
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    return {"images": split.images, "annotations": split.annotations, "categories": categories}


def _manifest(splits: Sequence[Split], classes: Sequence[str], hashes: dict[Path, str]) -> Manifest:
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


def _digest(splits: Sequence[Split], classes: Sequence[str], hashes: dict[Path, str], report_split: str) -> str:
    """sha256 over all that training and scoring depend on. An image counts by its content, not by its
    name or place, so that a moved image folder trains nothing anew."""
    total = hashlib.sha256(_bytes({"classes": list(classes), "report_split": report_split}))
    for split in splits:
        images = [
            [image["id"], image["width"], image["height"], hashes[path]]
            for image, path in zip(split.images, split.paths(), strict=True)
        ]
        total.update(_bytes([split.name, images, split.annotations]))
    return total.hexdigest()


def _card(
    dataset: Roadmarks | Coco,
    splits: Sequence[Split],
    manifest: Manifest,
    hashes: dict[Path, str],
    log: RepairLog,
) -> Card:
    duplicates, leaks = equal_content(splits, hashes)
    return Card(
        name=dataset.name if isinstance(dataset, Coco) else "roadmarks",
        source=dataset.source,
        origin=dataset.origin,
        licence=dataset.licence if isinstance(dataset, Coco) else roadmarks.LICENCE,
        digest=manifest.digest,
        classes=manifest.classes,
        report_split=manifest.report_split,
        splits={split.name: describe(split, manifest.classes) for split in splits},
        duplicates=duplicates,
        leaks=leaks,
        repairs=repairs(log),
        details=log.details,
    )


def _bytes(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n").encode()


def _write(path: Path, data: Any) -> None:
    path.write_bytes(_bytes(data))
