"""The data card: what the study trains on and is scored on, counted, and what was done to get there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.common.coco import MEDIUM, SMALL
from pipeline.dataset.repair import RULES, RepairLog
from pipeline.dataset.splits import Split
from pipeline.records import Card
from pipeline.records.card import BoxesPerImage, EqualFiles, FileInSplit, Repair, Sizes, SplitCounts

LISTED = 20


def text(card: Card) -> str:
    """The card as printed: the article's count table, a row a class, a column a split; then what was done."""
    width = max(len(name) for name in [*card.classes, "images without boxes"])
    lines = [f"{card.name}: {len(card.classes)} classes, digest {card.digest[:12]}"]
    lines.append(" " * width + "".join(f"{split:>10}" for split in card.splits))
    splits = card.splits.values()
    rows = {"images": [split.images for split in splits], "boxes": [split.boxes for split in splits]}
    rows |= {name: [split.classes[name] for split in splits] for name in card.classes}
    lines += [f"{label:<{width}}" + "".join(f"{count:>10,}" for count in counts) for label, counts in rows.items()]
    lines += [f"{rule.count:,} x {name}: {rule.meaning}" for name, rule in card.repairs.items()]
    for what, found in (("duplicates", card.duplicates), ("leaks between splits", card.leaks)):
        lines += [f"{found.count:,} {what}: files of equal content"] if found.count else []
    return "\n".join(lines)


def describe(split: Split, classes: Sequence[str]) -> SplitCounts:
    """Counts of one split. Crowd regions are counted apart: they are neither trained on nor scored."""
    real = split.boxes()
    by_class = Counter(box["category_id"] for box in real)
    areas = np.array([box["area"] for box in real], dtype=float)
    by_image = Counter(box["image_id"] for box in real)
    boxes = np.array([by_image[image["id"]] for image in split.images], dtype=np.int64)
    return SplitCounts(
        images=len(split.images),
        boxes=len(real),
        crowd=len(split.annotations) - len(real),
        images_without_boxes=int((boxes == 0).sum()),
        classes={name: by_class[number] for number, name in enumerate(classes, start=1)},
        sizes=Sizes(
            small=int((areas < SMALL).sum()),
            medium=int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
            large=int((areas >= MEDIUM).sum()),
        ),
        boxes_per_image=BoxesPerImage(
            min=int(boxes.min()),
            median=float(np.median(boxes)),
            mean=float(boxes.mean()),
            max=int(boxes.max()),
            histogram=np.bincount(boxes).tolist(),
        ),
    )


def equal_content(splits: Sequence[Split], hashes: dict[Path, str]) -> tuple[EqualFiles, EqualFiles]:
    """Duplicates (images of equal content within a split) and leaks (in two splits or more)."""
    files: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for split in splits:
        for image, path in zip(split.images, split.paths(), strict=True):
            files[hashes[path]].append((split.name, image["file_name"]))
    duplicates, leaks = [], []
    for group in files.values():
        homes = {name for name, _ in group}
        for home in sorted(homes):
            within = [(name, file) for name, file in group if name == home]
            duplicates += [within] if len(within) > 1 else []
        leaks += [group] if len(homes) > 1 else []
    return _summary(duplicates), _summary(leaks)


def _summary(groups: list[list[tuple[str, str]]]) -> EqualFiles:
    shown = [[FileInSplit(split=name, file_name=file) for name, file in group] for group in groups[:LISTED]]
    return EqualFiles(count=sum(len(group) - 1 for group in groups), groups=shown)


def repairs(log: RepairLog) -> dict[str, Repair]:
    """Rule -> how often it was used and what it means, in the order of `RULES`."""
    return {rule: Repair(count=log.counts[rule], meaning=RULES[rule]) for rule in RULES if log.counts[rule]}
