"""File names as they stand in annotations: what they mean here, and whether they stay in the image folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.dataset.annotations import Annotations
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.rules import RepairLog

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(//|\\\\)|data:", re.ASCII)
LINK = "a link that leads out of the image folder"
OUTSIDE = "points out of the image folder"
ALLOW = "`dataset.outside: allowed` takes it, if you trust the files that it names"


def check_names(found: Annotations, outside_allowed: bool, mistakes: Mistakes, log: RepairLog) -> None:
    """URLs and names that lead out of the image folder are mistakes; backslashes become slashes, in place."""
    for image in found.images:
        name = image["file_name"]
        where = f"{found.file}: image {image['id']}: file_name {name!r}"
        if URL.match(name):
            mistakes.add(f"{where} is a URL; the images must be on this machine: download them, then give their names")
            continue
        if "\\" in name and not (found.root / name).exists():
            image["file_name"] = name.replace("\\", "/")
            log.add("backslashes", found.split, image["id"], f"{name} became {image['file_name']}")
        if not outside_allowed and leads_out(image["file_name"]):
            mistakes.add(f"{where} {OUTSIDE} {found.root}; {ALLOW}")


def leads_out(name: str) -> bool:
    """Whether the name, taken from a folder, ends outside of it: `../a.jpg`, `/a.jpg`."""
    whole = os.path.normpath(name)
    return os.path.isabs(whole) or whole == ".." or whole.startswith("../")


def other_spelling(path: Path) -> str | None:
    """What a missing file is called on disk if its name differs in case only; None if there is no such file."""
    folder = Path(path.anchor or ".")
    for part in path.relative_to(path.anchor).parts if path.anchor else path.parts:
        if (folder / part).exists():
            folder = folder / part
            continue
        try:
            same = sorted(name for name in os.listdir(folder) if name.casefold() == part.casefold())
        except OSError:
            return None
        if not same:
            return None
        folder = folder / same[0]
    return str(folder)


def join_shared(found: Annotations, log: RepairLog) -> Annotations:
    """One image a file: a picture listed under several ids keeps the first, with the boxes of all.

    A box that the later ids repeat (same class, same sides) is dropped.
    """
    ids: dict[str, list[int | str]] = {}
    for image in found.images:
        ids.setdefault(os.path.normpath(image["file_name"]), []).append(image["id"])
    became = {key: keys[0] for keys in ids.values() for key in keys[1:]}
    if not became:
        return found
    for name, keys in ids.items():
        if len(keys) > 1:
            log.add("file_shared", found.split, keys[0], f"{name} had the ids {', '.join(map(str, keys))}")
    kept = list(_without_repeats(found, became, log))
    return replace(
        found,
        images=[image for image in found.images if image["id"] not in became],
        boxes=[found.boxes[index] for index in kept],
        places=None if found.places is None else [found.places[index] for index in kept],
    )


def _without_repeats(found: Annotations, became: dict[int | str, int | str], log: RepairLog) -> Iterator[int]:
    """Indices of the boxes that stay, their image ids changed in place."""
    shared = {*became, *became.values()}
    owner: dict[tuple[object, ...], int | str] = {}
    for index, box in enumerate(found.boxes):
        if box.image_id in shared:
            source, box.image_id = box.image_id, became.get(box.image_id, box.image_id)
            first = owner.setdefault((box.image_id, box.category_id, *box.bbox, box.iscrowd), source)
            if first != source:
                log.add("equal_box_dropped", found.split, box.id, f"box {box.bbox} of image {box.image_id}")
                continue
        yield index
