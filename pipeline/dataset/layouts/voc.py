"""Pascal VOC: Annotations, ImageSets/Main and JPEGImages; or XML files in folders (Roboflow, labelImg)."""

from __future__ import annotations

from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.dataset.layouts.part import NoSplits, Part, by_name, split_folders
from pipeline.dataset.readers.text import lines
from pipeline.study.datasets import Voc


def parts(dataset: Voc) -> list[Part]:
    """The splits as ImageSets/Main or folders give them; all XML files as one split where `split` divides it."""
    origin = Path(dataset.origin)
    if not origin.is_dir():
        raise UserError(f"dataset.origin: {origin}: no such folder; the one that holds Annotations is expected")
    annotations = origin / "Annotations" if (origin / "Annotations").is_dir() else origin
    if dataset.split:
        return [_part(dataset, "train", annotations, annotations, sorted(annotations.glob("*.xml")))]
    sets = image_sets(origin)
    named_ones = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    wanted = named_ones if dataset.train else {split: split for split in named_ones}
    if sets:
        named = {split: sets[name] for split, name in wanted.items() if name in sets}
        missing = [name for name in (dataset.train, dataset.val, dataset.test) if name and name not in sets]
        if missing or not named.keys() >= {"train", "val"}:
            raise NoSplits(
                f"{origin / 'ImageSets/Main'}: no image set {(missing or ['train and val'])[0]}; there are "
                f"{', '.join(sets)}: name them as dataset.train and dataset.val, or divide all by `split`"
            )
        return [_part(dataset, split, file, annotations, _members(annotations, file)) for split, file in named.items()]
    folders = split_folders(origin)
    if folders.keys() >= {"train", "val"}:
        return [
            _part(dataset, split, folder, folder, sorted(folder.glob("*.xml"))) for split, folder in folders.items()
        ]
    raise NoSplits(
        f"{origin}: neither ImageSets/Main nor folders train and valid say which pictures are for what; "
        "`split: {val: 0.2, seed: 0}` divides all of them"
    )


def image_sets(origin: Path) -> dict[str, Path]:
    """Name -> file of the image sets that speak of all classes (`cat_train.txt` speaks of one)."""
    return {path.stem: path for path in sorted((origin / "ImageSets" / "Main").glob("*.txt")) if "_" not in path.stem}


def _members(annotations: Path, file: Path) -> list[Path]:
    """The XML files that an image set lists; what follows a name on its line says no more than the XML does."""
    there = {path.stem: path for path in annotations.glob("*.xml")}
    names = dict.fromkeys(line if line in there else line.split()[0] for line in lines(file))
    return [there.get(name, annotations / f"{name}.xml") for name in names]


def _part(dataset: Voc, split: str, file: Path, annotations: Path, members: list[Path]) -> Part:
    if not members:
        raise UserError(f"{file}: no XML files for split {split}")
    if dataset.images:
        return Part(split, file, Path(dataset.images), members=members)
    homes = [annotations.parent / "JPEGImages", annotations.parent / "images", annotations / "images", annotations]
    homes = [folder for folder in homes if folder.is_dir() and by_name(folder)]
    if not homes:
        raise UserError(
            f"{annotations.parent}: no folder of pictures (JPEGImages, images) is there; name it as dataset.images"
        )
    return Part(split, file, homes[0], members=members)
