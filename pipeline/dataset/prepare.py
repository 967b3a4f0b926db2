"""The stage `prepare`: from the source that params.yaml names to data/coco, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.common.files import replacing
from pipeline.common.paths import Paths
from pipeline.dataset import groups, roadmarks, sources
from pipeline.dataset.annotations import Annotations, Box
from pipeline.dataset.card import describe, describe_pictures
from pipeline.dataset.check import check
from pipeline.dataset.classes import check_any, check_learnable, choose
from pipeline.dataset.divide import divide, keep_apart
from pipeline.dataset.fed import as_fed
from pipeline.dataset.guesses import guess, unrotate
from pipeline.dataset.leaks import equal_content, near_equal
from pipeline.dataset.mistakes import Mistakes
from pipeline.dataset.names import check_names, join_shared
from pipeline.dataset.pictures import Picture, inspect
from pipeline.dataset.pictures.judge import judge
from pipeline.dataset.prepared import manifest_of, write_split
from pipeline.dataset.preview import draw_preview
from pipeline.dataset.repair import repair
from pipeline.dataset.rules import RepairLog
from pipeline.dataset.splits import Split
from pipeline.records import Card
from pipeline.study.datasets import Coco, Own, Roadmarks
from pipeline.study.sections import Train

CACHE = Paths().pictures


def prepare(
    dataset: Roadmarks | Own,
    out: Path,
    image_size: tuple[int, int] | None = None,
    cache: Path = CACHE,
) -> Card:
    """Write train.json, val.json (test.json), manifest.json, card.json and preview.png into `out`, replacing it.

    The annotation files are valid COCO, boxes only, and equal bytes for equal input; for roadmarks the pictures
    are drawn into `out`/images, other images stay where they are. Card and preview show what a detector is fed
    at `image_size` (`Train`'s own by default). `cache` keeps what is known of pictures and lists bad ones.
    Raises UserError naming file and id for what no rule mends; then `out` is as it was.
    """
    out = out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out
    size = image_size or Train().image_size
    paths = Paths()
    log = RepairLog()
    with replacing(out) as folder:
        if isinstance(dataset, Roadmarks):
            # the synthetic set goes through the same checks as any other
            own: Own = Coco(source="coco", name="roadmarks", origin=dataset.origin, licence=roadmarks.LICENCE)
            found = _draw(dataset, folder)
        else:
            own, found = dataset, sources.read(dataset, log)
        homes = {folder / "images": (out / "images").as_posix()}
        found, pictures = _mend(own, found, cache, log)
        classes, splits = _splits(own, found, homes, pictures, log)
        hashes = {path: picture.digest for path, picture in pictures.items()}
        manifest = manifest_of(splits, classes, hashes)
        duplicates, leaks = equal_content(splits, hashes)
        card = Card(
            name=own.name,
            source=dataset.source,
            origin=own.origin,
            licence=own.licence,
            digest=manifest.digest,
            classes=classes,
            report_split=manifest.report_split,
            image_size=size,
            splits={split.name: describe(split, classes) for split in splits},
            fed={split.name: as_fed(split, size) for split in splits},
            pictures={split.name: describe_pictures(split, pictures) for split in splits},
            groups={split.name: groups.count(split) for split in splits} if own.group else {},
            duplicates=duplicates,
            leaks=leaks,
            likely_leaks=near_equal([] if own.group else splits, pictures),
            repairs=log.summary(),
            details=log.details,
        )
        for split in splits:
            write_split(folder / f"{split.name}.json", split, classes)
        manifest.write(folder / paths.manifest.name)
        card.write(folder / paths.card.name)
        draw_preview(splits[0], classes, size, folder / paths.preview.name)
    return card


def _draw(dataset: Roadmarks, folder: Path) -> list[Annotations]:
    drawn = roadmarks.draw(dataset.train, dataset.val, dataset.size, dataset.seed, folder / "images")
    return [
        Annotations(
            name, Path(dataset.origin) / name, folder / "images",
            data["images"], [Box(**box) for box in data["annotations"]], data["categories"],
        )
        for name, data in drawn.items()
    ]  # fmt: skip


def _mend(
    own: Own, found: Sequence[Annotations], cache: Path, log: RepairLog
) -> tuple[list[Annotations], dict[Path, Picture]]:
    """Sound records whose pictures have been decoded. What can be told without the pictures is refused before."""
    check_any(found)
    mistakes = Mistakes()
    for part in found:
        check(part, mistakes, log)
    mistakes.refuse()
    for part in found:
        check_names(part, own.outside == "allowed", mistakes, log)
        unrotate(part, own.rotated == "envelope", mistakes, log)
        if own.boxes != "as_given":
            guess(part, mistakes)
    mistakes.refuse()
    found = [join_shared(part, log) for part in found]
    for part in found:
        if not part.root.is_dir():
            raise UserError(f"dataset.images: {part.root}: no such image folder (split {part.split})")
    files = ((part.root, part.path(image)) for part in found for image in part.images)
    pictures = inspect(files, cache / "known.json", own.outside == "allowed")
    found = judge(found, pictures, own.leave_out == "unreadable", cache / "bad.txt", log)
    if own.boxes != "as_given":
        for part in found:  # once more: sides that were missing are known now
            guess(part, mistakes)
        mistakes.refuse()
    return found, pictures


def _splits(
    own: Own,
    found: Sequence[Annotations],
    homes: Mapping[Path, str],
    pictures: Mapping[Path, Picture],
    log: RepairLog,
) -> tuple[list[str], list[Split]]:
    """Classes and mended splits. `homes` says where a folder of pictures will lie that is not there yet."""
    classes = choose(found, own.classes, log)
    named = groups.assign(found, own.group) if own.group else [{} for _ in found]
    splits = [
        Split(part.split, part.file, homes.get(part.root, part.root.as_posix()), part.root,
              *repair(part, classes, log, of_image))
        for part, of_image in zip(found, named, strict=True)
    ]  # fmt: skip
    splits = keep_apart(splits, log)
    check_learnable(splits, classes)
    if own.split:
        parts = {"val": own.split.val} | ({"test": own.split.test} if own.split.test else {})
        fractions = {"train": 1 - sum(parts.values()), **parts}
        hashes = {path: picture.digest for path, picture in pictures.items()}
        splits = divide(splits[0], hashes, len(classes), fractions, own.split.seed)
        check_learnable(splits, classes)
    groups.check_apart(splits)
    return classes, splits
