"""COCO: the files that params.yaml names, or as Roboflow, CVAT, Label Studio and COCO itself lay them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.dataset.layouts.kinds import foreign
from pipeline.dataset.layouts.part import WORDS, NoSplits, Part, split_folders, split_of
from pipeline.study.datasets import Coco

OTHER_TASKS = ("captions", "panoptic", "person_keypoints", "image_info", "stuff")
ROBOFLOW = "_annotations.coco.json"


def parts(dataset: Coco) -> list[Part]:
    """The splits of the set; one, called train, where `split` divides it later.

    Raises UserError where the files or the folders of pictures cannot be told.
    """
    origin = Path(dataset.origin)
    if dataset.split:
        files = {"train": origin if not origin.is_dir() else _only(origin)}
    else:
        named = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
        files = {split: origin / file for split, file in named.items() if file} or _found(origin)
    return [Part(split, file, Path(), roots=_roots(dataset, origin, split, file)) for split, file in files.items()]


def files_of(origin: Path) -> list[tuple[str | None, Path]]:
    """Annotation files in the folder and in the places where tools put them, each with the split it names."""
    homes = (origin, origin / "annotations")
    found = [(split_of(path.stem), path) for home in homes for path in _jsons(home)]
    if origin.is_dir():
        for split, folder in split_folders(origin).items():
            found += [(split, path) for path in _jsons(folder)]
    instances = [(split, path) for split, path in found if path.name.startswith(("instances_", ROBOFLOW))]
    return instances or found


def candidates(origin: Path, split: str, file: Path) -> Iterator[Path]:
    """Where the pictures of an annotation file may lie, the likeliest first."""
    tail = file.stem.removeprefix("instances_")
    names = list(dict.fromkeys([tail, split, *WORDS.get(split, ())]))
    homes = list(dict.fromkeys([origin if origin.is_dir() else origin.parent, file.parent, file.parent.parent]))
    yield file.parent / "images"
    yield file.parent
    for home in homes:
        for name in names:
            yield from (home / "images" / name, home / name, home / name / "images")
        for folder in (home / "images", home):
            below = sorted(folder.iterdir()) if folder.is_dir() else []
            yield from (path for path in below if path.is_dir() and split_of(path.name) == split)
            yield folder


def _jsons(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.glob("*.json")) if not path.name.startswith(OTHER_TASKS)]


def _only(origin: Path) -> Path:
    found = files_of(origin)
    if len(found) == 1:
        return found[0][1]
    there = ", or leave `split` out: the splits are there already" if _splits(found).keys() >= {"train", "val"} else ""
    raise UserError(
        f"dataset.split divides one annotation file; {origin} holds {_names(origin, found)}; give the file as "
        f"dataset.origin{there}"
    )


def _found(origin: Path) -> dict[str, Path]:
    divides = "`split: {val: 0.2, seed: 0}` divides it"
    if not origin.exists():
        raise UserError(f"dataset.origin: {origin}: no such file or folder")
    if origin.is_file():
        if message := foreign(origin):
            raise UserError(message)
        raise NoSplits(f"dataset.origin: {origin} is one file: {divides}")
    found = files_of(origin)
    splits = _splits(found)
    if splits.keys() >= {"train", "val"}:
        return splits
    if len(found) == 1:
        raise NoSplits(f"dataset.origin: {origin} holds one annotation file, {found[0][1].name}: {divides}")
    raise UserError(
        (None if found else foreign(origin))
        or f"dataset.origin: {origin}: which files are train and val cannot be told from {_names(origin, found)}; "
        "name them as dataset.train and dataset.val, or give one file and `split`"
    )


def _names(origin: Path, found: Sequence[tuple[str | None, Path]]) -> str:
    return ", ".join(path.relative_to(origin).as_posix() for _, path in found) or "no JSON file"


def _splits(found: Sequence[tuple[str | None, Path]]) -> dict[str, Path]:
    """Split -> file, for the splits that exactly one file names."""
    claims = {split: [path for name, path in found if name == split] for split in WORDS}
    return {split: paths[0] for split, paths in claims.items() if len(paths) == 1}


def _roots(dataset: Coco, origin: Path, split: str, file: Path) -> Sequence[Path]:
    images = dataset.images
    if images is None:
        return list(candidates(origin, split, file))
    if isinstance(images, str):
        return [Path(images)]
    roots = {str(name): root for name, root in images.items()}
    if dataset.split:
        raise UserError("dataset.images: with `split` all images lie in one folder; give its name, not one a split")
    if split not in roots:
        raise UserError(f"dataset.images: no folder for split {split}; given: {', '.join(roots)}")
    return [Path(roots[split])]
