"""A folder as a person would look at it: which format, which splits, how many images and boxes, how large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.common.errors import UserError
from pipeline.dataset import sources
from pipeline.dataset.annotations import Annotations
from pipeline.dataset.check import check
from pipeline.dataset.layouts.coco import files_of
from pipeline.dataset.layouts.kinds import is_labelme, load
from pipeline.dataset.layouts.part import NoSplits, split_folders
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.pictures.look import look
from pipeline.dataset.rules import RepairLog
from pipeline.study.datasets import OWN, Own, Split

SAMPLE = 40  # pictures that are opened where the annotations do not state their sides
WANTED, SHARE = 8.0, 0.1  # pixels that all but a tenth of the boxes should keep on their shorter side
STEP = 32  # sides of a fed picture are multiples of the coarsest stride
LARGEST = {"cpu": 512, "cuda": 1333}  # the longer side of a fed picture: time on a CPU, COCO's habit on a GPU


@dataclass(frozen=True)
class Found:
    """A data set that was recognised. `divided` says that it is one set, to be divided by `split`."""

    dataset: Own
    divided: bool
    splits: Sequence[Annotations]

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Split -> images, boxes, classes in use."""
        return {
            part.split: (len(part.images), len(part.boxes), len({box.category_id for box in part.boxes}))
            for part in self.splits
        }

    def classes(self) -> dict[str, int]:
        """Class -> boxes, over all splits, the commonest first."""
        counts: Counter[str] = Counter()
        for part in self.splits:
            names = {category["id"]: category["name"] for category in part.categories}
            counts.update(names[box.category_id] for box in part.boxes)
        return dict(counts.most_common())


def explore(path: Path) -> Found:
    """What the folder (or annotation file) holds. Raises UserError that says what was looked for, or is wrong."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    source = recognise(path)
    if source is None:
        raise UserError(
            f"{path}: no data set is recognised here; looked for COCO JSON (in the folder, in annotations, in train "
            "and valid), Pascal VOC (Annotations), YOLO (data.yaml, classes.txt) and LabelMe (JSON beside pictures)"
        )
    name = path.stem if path.is_file() else path.resolve().name
    given = {"source": source, "origin": path.as_posix(), "name": name}
    laid_out = OWN[source].model_validate(given)
    try:
        return Found(laid_out, False, _read(laid_out))
    except NoSplits:
        pass
    whole = OWN[source].model_validate({**given, "split": Split()})
    return Found(whole, True, _read(whole))


def recognise(path: Path) -> str | None:
    """The source that params.yaml should name."""
    if path.is_file():
        return "yolo" if path.suffix.lower() in (".yaml", ".yml") else "coco"
    folders = [path, *split_folders(path).values()]
    if any((path / name).exists() for name in ("data.yaml", "data.yml", "classes.txt", "obj.names")):
        return "yolo"
    if (path / "Annotations").is_dir() or any(next(folder.glob("*.xml"), None) for folder in folders):
        return "voc"
    jsons = [file for folder in folders for file in sorted(folder.glob("*.json"))[:1]]
    if any(is_labelme(load(file)) for file in jsons):
        return "labelme"
    return "coco" if files_of(path) else None


def _read(dataset: Own) -> list[Annotations]:
    log, mistakes = RepairLog(), Mistakes()
    found = sources.read(dataset, log)
    for part in found:
        check(part, mistakes, log)
    mistakes.refuse()
    return found


@dataclass(frozen=True)
class Fit:
    """An image size, width and height, and why."""

    size: tuple[int, int]
    reason: str


def fit_image_size(splits: Sequence[Annotations], device: str) -> Fit:
    """The smallest size at which all but a tenth of the boxes keep 8 px on their shorter side, within what the
    pictures hold and the device bears."""
    train = splits[0]
    sides = _sides(train)
    shape = np.array(list(sides.values()), dtype=float)
    width, height = np.median(shape, axis=0)
    longer = float(np.median(shape.max(axis=1)))
    largest = min(LARGEST[device], max(STEP, int(longer // STEP) * STEP))
    shares = _shares(train, sides)
    wanted = WANTED / float(np.quantile(shares, SHARE)) if shares else float(largest)
    long_side = min(largest, max(4 * STEP, int(np.ceil(wanted / STEP)) * STEP))
    kept = sum(share * long_side >= WANTED for share in shares) / max(len(shares), 1)
    short_side = max(STEP, round(long_side * min(width, height) / max(width, height) / STEP) * STEP)
    size = (long_side, short_side) if width >= height else (short_side, long_side)
    bound = "" if wanted <= largest else f"; more is not gained or too slow on {device}"
    reason = f"pictures are {width:.0f}x{height:.0f}; {100 * kept:.0f} % of the boxes keep 8 px or more{bound}"
    return Fit(size, reason)


def _shares(part: Annotations, sides: Mapping[object, tuple[int, int]]) -> list[float]:
    """The shorter side of each box over the longer side of its picture."""
    shares = []
    for box in part.boxes:
        if box.image_id in sides and min(box.bbox[2:]) > 0:
            width, height = sides[box.image_id]
            unit = (width, height) if part.relative else (1, 1)
            shares.append(min(box.bbox[2] * unit[0], box.bbox[3] * unit[1]) / max(width, height))
    return shares


def _sides(part: Annotations) -> dict[object, tuple[int, int]]:
    """Image id -> width and height: as stated, or of some pictures that are opened."""
    stated = {
        image["id"]: (image["width"], image["height"]) for image in part.images if image["width"] and image["height"]
    }
    if stated:
        return stated
    step = max(len(part.images) // SAMPLE, 1)
    looked = {image["id"]: look(part.path(image).read_bytes(), "") for image in part.images[::step]
              if part.path(image).is_file()}  # fmt: skip
    found: dict[object, tuple[int, int]] = {
        key: (picture.width, picture.height) for key, picture in looked.items() if picture.width
    }
    if not found:
        raise UserError(f"{part.file}: none of its pictures can be read, such as {part.path(part.images[0])}")
    return found
