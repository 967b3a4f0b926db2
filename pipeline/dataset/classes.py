"""The classes of a study: which categories count, in which order, and that all of them can be learnt."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.dataset.annotations import Annotations
from pipeline.dataset.rules import RepairLog
from pipeline.dataset.splits import Split


def choose(splits: Sequence[Annotations], wanted: Sequence[str] | None, log: RepairLog) -> list[str]:
    """Class names in order: the wanted ones, or those that some annotation of some split uses.

    Raises UserError where nothing is annotated, and for a wanted name that is unknown.
    """
    names = {found.file: [category["name"] for category in found.categories] for found in splits}
    known = choose_classes(names, wanted)
    if wanted is not None:
        return known
    used = {name for found in splits for name in _used(found)}
    unused = [name for name in known if name not in used]
    if len(unused) == len(known):
        raise UserError(f"{', '.join(str(file) for file in names)}: there are no annotations, so nothing to learn")
    for name in unused:
        log.add("category_unused", splits[0].split, None, name)
    return [name for name in known if name in used]


def check_any(splits: Sequence[Annotations]) -> None:
    """Raises UserError where no file has a category."""
    if not any(found.categories for found in splits):
        files = ", ".join(str(found.file) for found in splits)
        raise UserError(f"{files}: there are no categories, so nothing to detect; were objects annotated and exported?")


def choose_classes(files: Mapping[Path, Sequence[str]], wanted: Sequence[str] | None) -> list[str]:
    """Class names in order: the wanted ones, or the first file's followed by names only later files have.

    `files` maps each annotation file to its category names. Raises UserError for an unknown name.
    """
    known = list(dict.fromkeys(name for names in files.values() for name in names))
    if wanted is None:
        return known
    if not wanted or len(set(wanted)) < len(wanted):
        raise UserError(f"dataset.classes: {list(wanted)} must name each class once, and at least one")
    for name in wanted:
        if name not in known:
            raise UserError(
                f"dataset.classes: {name!r} is no category of {', '.join(map(str, files))}; allowed: {', '.join(known)}"
            )
    return list(wanted)


def _used(found: Annotations) -> set[str]:
    ids = {box.category_id for box in found.boxes}
    return {category["name"] for category in found.categories if category["id"] in ids}


def check_learnable(splits: Sequence[Split], classes: Sequence[str]) -> None:
    """Every class has boxes in train, and the split that the report speaks of has boxes. Raises UserError."""
    for split in splits:
        if not split.images:
            raise UserError(f"{split.file}: split {split.name} has no images")
        if not split.boxes() and split.name in ("train", splits[-1].name):
            raise UserError(f"{split.file}: split {split.name} has no boxes {_reason(split)}")
    train = splits[0]
    counts = Counter(box.category_id for box in train.boxes())
    missing = [(number, name) for number, name in enumerate(classes, start=1) if not counts[number]]
    if not missing:
        return
    kept = json.dumps([name for number, name in enumerate(classes, start=1) if counts[number]], ensure_ascii=False)
    lines = []
    for number, name in missing:
        others = {
            split.name: count
            for split in splits[1:]
            if (count := sum(box.category_id == number for box in split.boxes()))
        }
        where = ", ".join(f"{count:,} in {split}" for split, count in others.items()) or "none in any other split"
        lines.append(f"{train.file}: category {name!r} has no boxes to train on ({where})")
    raise UserError(
        "\n".join([*lines, "to leave them out, list the classes to keep in params.yaml:", f"  classes: {kept}"])
    )


def _reason(split: Split) -> str:
    crowd = len(split.annotations)
    if crowd:
        return f"to learn or to score: all boxes are crowd ({crowd:,} with iscrowd: 1); an object has iscrowd: 0"
    return "to learn or to score (there are none, or all are empty, outside of their image or of other classes)"
